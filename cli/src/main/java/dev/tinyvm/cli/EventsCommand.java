package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Printable;
import dev.tinyvm.cli.text.Style.Look;
import dev.tinyvm.sdk.ItemStream;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmEvent;
import java.util.function.Predicate;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm events}. */
@Command(
        description = "Print what happened to Tiny VMs, oldest first, and go on with -f.",
        footerHeading = "%nExamples:%n",
        footer = {"  tinyvm events", "  tinyvm events -f researcher", "  tinyvm events -f --json | jq .type"})
final class EventsCommand extends ClientCommand {
    @Parameters(arity = "0..1", paramLabel = "NAME", description = "Only of this agent or Tiny VM.")
    String name = "";

    @Option(
            names = {"-f", "--follow"},
            description = "Go on as new ones happen.")
    boolean follow;

    @Option(names = "--after", paramLabel = "SEQUENCE", description = "Only after this event (the number in --json).")
    long after;

    @Option(names = "--json", description = "Print one JSON object a line.")
    boolean json;

    EventsCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) {
        Predicate<VmEvent> wanted = e -> name.isEmpty()
                || e.vmId().equals(name)
                || e.vmName().equals(name)
                || e.agent().equals(name);
        try (ItemStream<VmEvent> events = client.events(after, follow)) {
            while (events.hasNext()) {
                VmEvent event = events.next();
                if (!wanted.test(event)) {
                    continue;
                }
                if (json) {
                    JsonOutput.printLine(shell.out(), event);
                } else {
                    String who = event.vmName().isEmpty() ? event.agent() : event.vmName();
                    shell.out()
                            .println(Printable.line(event.at().toString()) + "  "
                                    + shell.style().paint(Look.CYAN, Printable.line(event.type())) + "  "
                                    + Printable.line(who)
                                    + (event.message().isEmpty() ? "" : "  " + Printable.line(event.message())));
                }
                if (shell.out().checkError()) {
                    return ExitCode.OK;
                }
            }
        }
        return ExitCode.OK;
    }
}
