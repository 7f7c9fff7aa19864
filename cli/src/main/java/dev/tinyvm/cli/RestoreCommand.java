package dev.tinyvm.cli;

import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmInfo;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm restore}. */
@Command(
        description = {
            "Make Tiny VMs that go on from a checkpoint: one, or many copies, all or none.",
            "Each has an id, a name, limits and ports of its own."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  tinyvm restore warm", "  tinyvm restore warm --count 8 --name worker"})
final class RestoreCommand extends ClientCommand {
    @Parameters(paramLabel = "CHECKPOINT", description = "A checkpoint by name.")
    String checkpoint = "";

    @Option(names = "--count", paramLabel = "N", description = "How many (default: 1; at most 100).")
    int count = 1;

    @Option(
            names = "--name",
            paramLabel = "NAME",
            description = "Of the Tiny VM; several are NAME-1, NAME-2, … (default: made up).")
    String name = "";

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    RestoreCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) {
        List<VmInfo> made = client.checkpoints().restore(checkpoint, count, name);
        if (json) {
            JsonOutput.print(shell.out(), made);
        } else {
            made.forEach(vm -> shell.out().println(vm.id() + "  " + vm.name()));
        }
        return ExitCode.OK;
    }
}
