package dev.tinyvm.cli;

import dev.tinyvm.sdk.InterfaceInfo;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmInfo;
import dev.tinyvm.spec.Volume;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm attach}. */
@Command(
        description = {
            "Attach volumes or a routed network interface to a running or paused Tiny VM, without a restart; they stay attached over its restarts.",
            "A named volume that is missing is made. Host directories must be allowed in the manager's configuration.",
            "Over the interface it reaches what its network rules allow (tinyvm network), and nothing else: the kernel holds the list."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  tinyvm attach researcher-0 --volume notes:/notes",
            "  tinyvm attach researcher-0 --volume notes:/notes:ro --volume /srv/data:/data",
            "  tinyvm attach researcher-0 --network"
        })
final class AttachCommand extends ClientCommand {
    @Parameters(paramLabel = "VM", description = "A Tiny VM by id or name.")
    String name = "";

    @Option(
            names = {"-v", "--volume"},
            paramLabel = "SOURCE:PATH[:ro]",
            description = "A volume's name or a host directory, and where it is mounted inside.")
    List<String> volumes = new ArrayList<>();

    @Option(names = "--network", description = "A routed interface: eth0, with NAT to what the rules allow.")
    boolean network;

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    AttachCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) {
        if (volumes.isEmpty() && !network) {
            throw new CliException(ExitCode.USAGE, "nothing to attach: give --volume NAME:/inside or --network");
        }
        List<Volume> parsed =
                volumes.stream().map(text -> VmOptions.volume("--volume", text)).toList();
        Optional<VmInfo> vm = Optional.empty();
        for (Volume volume : parsed) {
            vm = Optional.of(client.volumes().attach(name, volume));
            if (!json) {
                shell.out()
                        .println(vm.get().name() + ": " + volume.source() + " at " + volume.mountPath()
                                + (volume.readOnly() ? ", read-only" : ""));
            }
        }
        if (network) {
            vm = Optional.of(client.attachNetwork(name));
            if (!json) {
                InterfaceInfo made = client.networkInterface(vm.get().id());
                shell.out()
                        .println(vm.get().name() + ": " + made.name() + " " + made.address() + " by way of "
                                + made.gateway()
                                + (made.connectFilter() ? "" : ", without connect filter (tinyvm doctor says why)"));
            }
        }
        if (json) {
            vm.ifPresent(info -> JsonOutput.print(shell.out(), info));
        }
        return ExitCode.OK;
    }
}
