package dev.tinyvm.cli;

import dev.tinyvm.sdk.TinyVmClient;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm inspect}. */
@Command(
        description =
                "Print all that is known of agents and Tiny VMs, as JSON: one object for one name, an array for several.",
        footerHeading = "%nExamples:%n",
        footer = {"  tinyvm inspect researcher", "  tinyvm inspect researcher-0 | jq .descriptor.spec.resources"})
final class InspectCommand extends ClientCommand {
    @Parameters(arity = "1..*", paramLabel = "NAME", description = "Agents, or Tiny VMs by id or name.")
    List<String> names = new ArrayList<>();

    @Option(names = "--json", description = "Accepted for symmetry: the output is always JSON.")
    boolean json;

    InspectCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) {
        List<Object> found = new ArrayList<>();
        for (String name : names) {
            found.add(
                    switch (Target.find(client, name)) {
                        case Target.OfAgent(var agent) -> agent;
                        case Target.OfVm(var vm) -> PluggedVm.of(client, vm);
                    });
        }
        JsonOutput.print(shell.out(), found.size() == 1 ? found.getFirst() : found);
        return ExitCode.OK;
    }
}
