package dev.tinyvm.cli;

import dev.tinyvm.sdk.AgentInfo;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmFilter;
import dev.tinyvm.sdk.VmInfo;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tinyvm ps}. */
@Command(
        description = "List Tiny VMs, or agents with --agents.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  tinyvm ps",
            "  tinyvm ps --state running --label team=search",
            "  tinyvm ps -q --agent researcher | xargs -n1 tinyvm pause",
            "  tinyvm ps --json | jq '.[].id'"
        })
final class PsCommand extends ClientCommand {
    @Option(names = "--agents", description = "List agents instead of their Tiny VMs.")
    boolean agents;

    @Option(names = "--agent", paramLabel = "NAME", description = "Only those of this agent.")
    String agent = "";

    @Option(
            names = {"-l", "--label"},
            paramLabel = "K=V",
            description = "Only those with this label; may be repeated.")
    Map<String, String> labels = new LinkedHashMap<>();

    @Option(
            names = "--state",
            paramLabel = "STATE",
            split = ",",
            description = "Only those in these states, such as running,paused.")
    List<String> states = new ArrayList<>();

    @Option(
            names = {"-q", "--quiet"},
            description = "Print ids (names of agents) alone.")
    boolean quiet;

    @Option(
            names = "--names",
            hidden = true,
            description = "Print the names of agents and Tiny VMs: for shell completion.")
    boolean names;

    @Option(names = "--no-trunc", description = "Do not shorten messages.")
    boolean whole;

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    PsCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) {
        if (names) {
            client.agents().forEach(a -> shell.out().println(a.name()));
            client.vms(VmFilter.ALL).forEach(vm -> shell.out().println(vm.name()));
            return ExitCode.OK;
        }
        if (agents) {
            List<AgentInfo> all = client.agents();
            if (json) {
                JsonOutput.print(shell.out(), all);
            } else if (quiet) {
                all.forEach(a -> shell.out().println(a.name()));
            } else {
                VmTable.ofAgents(all, shell.style(), Instant.now()).lines().forEach(shell.out()::println);
            }
            return ExitCode.OK;
        }
        List<VmInfo> vms = client.vms(new VmFilter(labels, states, agent));
        if (json) {
            JsonOutput.print(shell.out(), vms);
        } else if (quiet) {
            vms.forEach(vm -> shell.out().println(vm.id()));
        } else {
            VmTable.ofVms(vms, shell.style(), whole, Instant.now()).lines().forEach(shell.out()::println);
        }
        return ExitCode.OK;
    }
}
