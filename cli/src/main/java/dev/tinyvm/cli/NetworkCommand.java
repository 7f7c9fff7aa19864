package dev.tinyvm.cli;

import dev.tinyvm.sdk.InterfaceInfo;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmInfo;
import dev.tinyvm.spec.DescriptorException;
import dev.tinyvm.spec.DescriptorWriter;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Network.Egress;
import dev.tinyvm.spec.NetworkReader;
import dev.tinyvm.spec.Quantities;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.json.JsonMapper;

/** {@code tinyvm network}. */
@Command(
        description = {
            "Show or change what running Tiny VMs (all of an agent) may reach, through the egress proxy and over a routed interface (tinyvm attach --network).",
            "A rule is a host (*.example.org for all names below it, * for any) or an address range, with ports behind a colon: 80 and 443 when none stand there. Changes hold at once."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  tinyvm network researcher",
            "  tinyvm network researcher --allow '*.wikipedia.org:443' --allow pypi.org",
            "  tinyvm network researcher-0 --allow 10.0.0.0/8:5432 --deny 10.0.0.1/32",
            "  tinyvm network researcher --none"
        })
final class NetworkCommand extends ClientCommand {
    @Parameters(paramLabel = "NAME", description = "An agent, or a Tiny VM by id or name.")
    String name = "";

    @Option(names = "--allow", paramLabel = "HOST[:PORT,PORT]", description = "Adds a rule; may be repeated.")
    List<String> allow = new ArrayList<>();

    @Option(
            names = "--deny",
            paramLabel = "HOST[:PORT,PORT]",
            description = "Adds a rule that refuses, before all others; may be repeated.")
    List<String> deny = new ArrayList<>();

    @Option(
            names = "--remove",
            paramLabel = "HOST",
            description = "Removes the rules for a host or a range; may be repeated.")
    List<String> remove = new ArrayList<>();

    @Option(names = "--none", description = "Removes all rules first: nothing may be reached.")
    boolean none;

    @Option(names = "--json", description = "Print JSON, one object for each Tiny VM.")
    boolean json;

    NetworkCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) {
        List<Egress> first =
                deny.stream().map(text -> rule("--deny", text, true)).toList();
        List<Egress> last =
                allow.stream().map(text -> rule("--allow", text, false)).toList();
        boolean changes = none || !first.isEmpty() || !last.isEmpty() || !remove.isEmpty();
        List<VmInfo> vms = Target.find(client, name).vms();
        for (VmInfo vm : vms) {
            Network now = NetworkReader.read(client.network(vm.id()), "network");
            if (changes) {
                now = NetworkReader.read(client.setNetwork(vm.id(), json(changed(now, first, last))), "network");
            }
            print(vm, now, now.routed() ? PluggedVm.find(client, vm.id()) : Optional.empty(), vms.size() > 1);
        }
        return ExitCode.OK;
    }

    private Network changed(Network now, List<Egress> first, List<Egress> last) {
        List<Egress> rules = new ArrayList<>(first);
        if (!none) {
            now.egress().stream()
                    .filter(old -> !remove.contains(old.host()) && !remove.contains(old.cidr()))
                    .filter(old -> !rules.contains(old))
                    .toList()
                    .forEach(rules::add);
        }
        last.stream().filter(rule -> !rules.contains(rule)).toList().forEach(rules::add);
        return new Network(rules);
    }

    private void print(VmInfo vm, Network network, Optional<InterfaceInfo> plugged, boolean several) {
        if (json) {
            String more = plugged.map(
                            info -> ",\"interface\":" + JsonMapper.shared().writeValueAsString(info))
                    .orElse("");
            String rules = json(network);
            shell.out().println("{\"vm\":\"" + vm.id() + "\"," + rules.substring(1, rules.length() - 1) + more + "}");
            return;
        }
        String indent = several ? "  " : "";
        if (several) {
            shell.out().println(vm.name() + ":");
        }
        if (network.egress().isEmpty()) {
            shell.out().println(indent + "nothing may be reached");
        }
        for (Egress rule : network.egress()) {
            List<Integer> ports = rule.ports().isEmpty() && !rule.deny() ? Egress.DEFAULT_PORTS : rule.ports();
            shell.out()
                    .println(indent
                            + (rule.deny() ? "deny   " : "allow  ")
                            + (rule.host().isEmpty() ? rule.cidr() : rule.host())
                            + (ports.isEmpty()
                                    ? "  all ports"
                                    : "  "
                                            + String.join(
                                                    ",",
                                                    ports.stream()
                                                            .map(String::valueOf)
                                                            .toList()))
                            + rule.credential().map(c -> "  credential " + c).orElse(""));
        }
        plugged.ifPresent(info -> shell.out()
                .println(indent + "interface " + info.name() + " " + info.address()
                        + ": " + Quantities.formatBytes(info.bytesOut()) + " out, "
                        + Quantities.formatBytes(info.bytesIn()) + " in, " + info.connectsAllowed()
                        + " connections allowed, " + info.connectsRefused() + " refused, " + info.packetsDropped()
                        + " packets dropped"));
        if (network.routed() && plugged.isEmpty()) {
            shell.out().println(indent + "interface: none now; it comes with its next start");
        }
    }

    private static String json(Network network) {
        return JsonMapper.shared()
                .writeValueAsString(
                        Map.of("egress", DescriptorWriter.network(network).getOrDefault("egress", List.of())));
    }

    /** {@code host}, {@code host:443,8443}, {@code 10.0.0.0/8:5432}, {@code [fd00::/8]:80}. What is wrong is said as for a descriptor. */
    static Egress rule(String option, String text, boolean deny) {
        int slash = text.indexOf('/');
        int colon = slash < 0 ? text.indexOf(':') : text.indexOf(':', slash);
        String what = (colon < 0 ? text : text.substring(0, colon)).replaceAll("[\\[\\]]", "");
        List<Integer> ports = List.of();
        if (colon >= 0) {
            try {
                ports = Arrays.stream(text.substring(colon + 1).split(",", -1))
                        .map(Integer::valueOf)
                        .toList();
            } catch (NumberFormatException e) {
                throw new CliException(
                        ExitCode.USAGE,
                        option + " " + text
                                + ": what stands behind the colon are no ports; expected such as example.org:443,8443");
            }
        }
        Egress rule = new Egress(slash < 0 ? what : "", slash < 0 ? "" : what, ports, deny, Optional.empty());
        try {
            return NetworkReader.read(json(new Network(List.of(rule))), option)
                    .egress()
                    .getFirst();
        } catch (DescriptorException e) {
            throw new CliException(
                    ExitCode.USAGE,
                    option + " " + text + ": " + e.problems().getFirst().message());
        }
    }
}
