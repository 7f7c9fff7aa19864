package dev.tinyvm.cli;

import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm detach}. */
@Command(
        description = {
            "Detach volumes or the routed network interface from a running or paused Tiny VM, without a restart.",
            "What is in volumes stays. Connections over the interface end; the egress proxy goes on."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  tinyvm detach researcher-0 /notes",
            "  tinyvm detach researcher-0 /notes --force",
            "  tinyvm detach researcher-0 --network"
        })
final class DetachCommand extends ClientCommand {
    @Parameters(index = "0", paramLabel = "VM", description = "A Tiny VM by id or name.")
    String name = "";

    @Parameters(index = "1..*", paramLabel = "PATH", description = "Where the volume is mounted inside.")
    List<String> paths = new ArrayList<>();

    @Option(
            names = {"-f", "--force"},
            description = "Also while a process inside uses it; that one goes on with what it has open.")
    boolean force;

    @Option(names = "--network", description = "The routed interface.")
    boolean network;

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    DetachCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) {
        if (paths.isEmpty() && !network) {
            throw new CliException(ExitCode.USAGE, "nothing to detach: give the path of a volume inside or --network");
        }
        Optional<VmInfo> vm = Optional.empty();
        for (String path : paths) {
            vm = Optional.of(client.volumes().detach(name, path, force));
            if (!json) {
                shell.out().println(vm.get().name() + ": nothing at " + path + " any more");
            }
        }
        if (network) {
            vm = Optional.of(client.detachNetwork(name));
            if (!json) {
                shell.out().println(vm.get().name() + ": no routed interface any more");
            }
        }
        if (json) {
            vm.ifPresent(info -> JsonOutput.print(shell.out(), info));
        }
        return ExitCode.OK;
    }
}
