package dev.tinyvm.cli;

import dev.tinyvm.sdk.AgentInfo;
import dev.tinyvm.sdk.TinyVmClient;
import java.time.Instant;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm scale}. */
@Command(
        description = "Change how many Tiny VMs an agent has.",
        footerHeading = "%nExamples:%n",
        footer = {"  tinyvm scale researcher 8"})
final class ScaleCommand extends ClientCommand {
    @Parameters(index = "0", paramLabel = "AGENT", description = "Name of the agent.")
    String name = "";

    @Parameters(index = "1", paramLabel = "N", description = "How many, 0 to 10000.")
    int replicas;

    @Option(
            names = {"-q", "--quiet"},
            description = "Print nothing but errors.")
    boolean quiet;

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    ScaleCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) {
        if (replicas < 0 || replicas > 10_000) {
            throw new CliException(ExitCode.USAGE, replicas + " replicas is not between 0 and 10000");
        }
        AgentInfo agent = client.scale(name, replicas);
        if (json) {
            JsonOutput.print(shell.out(), agent);
        } else if (!quiet) {
            VmTable.ofVms(agent.vms(), shell.style(), true, Instant.now())
                    .lines()
                    .forEach(shell.out()::println);
        }
        return ExitCode.OK;
    }
}
