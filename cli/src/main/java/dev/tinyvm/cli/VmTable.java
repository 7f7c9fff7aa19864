package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.cli.text.Style;
import dev.tinyvm.cli.text.Table;
import dev.tinyvm.cli.text.Table.Cell;
import dev.tinyvm.sdk.AgentInfo;
import dev.tinyvm.sdk.VmInfo;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/** Tiny VMs and agents as tables. */
final class VmTable {
    private static final int MESSAGE_CHARACTERS = 60;

    private VmTable() {}

    static Table ofVms(List<VmInfo> vms, Style style, boolean whole, Instant now) {
        Table table = new Table(style)
                .left("NAME")
                .left("ID")
                .left("IMAGE")
                .left("ENGINE")
                .left("STATE")
                .right("CPU")
                .right("MEMORY")
                .right("RESTARTS")
                .right("AGE")
                .left("REASON");
        for (VmInfo vm : vms) {
            table.row(
                    vm.name(),
                    vm.id(),
                    vm.image(),
                    vm.engine().isEmpty() ? "-" : vm.engine(),
                    state(vm),
                    Quantity.cores(vm.resources().cpuMillis()),
                    Quantity.bytes(vm.resources().memoryBytes()),
                    vm.restarts(),
                    Quantity.duration(Duration.between(vm.startedAt().orElse(vm.createdAt()), now)),
                    why(vm, whole));
        }
        return table;
    }

    static Table ofAgents(List<AgentInfo> agents, Style style, Instant now) {
        Table table = new Table(style)
                .left("NAME")
                .left("IMAGE")
                .right("RUNNING")
                .right("REPLICAS")
                .left("STATE")
                .right("AGE");
        for (AgentInfo agent : agents) {
            String state = agent.stopped() ? "stopped" : agent.running() == agent.replicas() ? "running" : "starting";
            table.row(
                    agent.name(),
                    agent.image(),
                    agent.running(),
                    agent.replicas(),
                    new Cell(state, Style.ofState(state)),
                    Quantity.duration(Duration.between(agent.createdAt(), now)));
        }
        return table;
    }

    static Cell state(VmInfo vm) {
        boolean sick =
                vm.state().equals("running") && vm.healthy().filter(h -> !h).isPresent();
        return sick ? new Cell("unhealthy", Style.Look.RED) : new Cell(vm.state(), Style.ofState(vm.state()));
    }

    /** Reason, exit status and message in a few words. */
    static String why(VmInfo vm, boolean whole) {
        StringBuilder why = new StringBuilder(vm.reason());
        if (vm.ended() && vm.signal().orElse(0) > 0) {
            why.append(why.isEmpty() ? "" : " ")
                    .append("(signal ")
                    .append(vm.signal().getAsInt())
                    .append(')');
        } else if (vm.ended() && vm.exitCode().isPresent()) {
            why.append(why.isEmpty() ? "" : " ")
                    .append("(exit ")
                    .append(vm.exitCode().getAsInt())
                    .append(')');
        }
        if (!vm.message().isEmpty()) {
            String message = vm.message();
            if (!whole && message.codePointCount(0, message.length()) > MESSAGE_CHARACTERS) {
                message = message.substring(0, message.offsetByCodePoints(0, MESSAGE_CHARACTERS - 1)) + "…";
            }
            why.append(why.isEmpty() ? "" : ": ").append(message);
        }
        return why.toString();
    }
}
