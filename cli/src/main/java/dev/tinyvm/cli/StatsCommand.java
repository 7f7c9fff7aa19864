package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.cli.text.Style;
import dev.tinyvm.cli.text.Table;
import dev.tinyvm.cli.text.Table.Cell;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmInfo;
import dev.tinyvm.sdk.VmStats;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm stats}. */
@Command(
        description = "Print what live Tiny VMs use now: cores and memory of what they may have, processes, disk, I/O.",
        footerHeading = "%nExamples:%n",
        footer = {"  tinyvm stats", "  tinyvm stats researcher --json"})
final class StatsCommand extends ClientCommand {
    @Parameters(arity = "0..*", paramLabel = "NAME", description = "Agents, or Tiny VMs by id or name (default: all).")
    List<String> names = new ArrayList<>();

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    StatsCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) {
        List<VmStats> stats;
        if (names.isEmpty()) {
            stats = client.stats();
        } else {
            stats = new ArrayList<>();
            for (String name : names) {
                Target target = Target.find(client, name);
                boolean single = target instanceof Target.OfVm;
                target.vms().stream()
                        .filter(vm -> single || vm.live())
                        .map(VmInfo::id)
                        .map(client::stats)
                        .forEach(stats::add);
            }
        }
        if (json) {
            JsonOutput.print(shell.out(), stats);
        } else {
            table(stats, shell.style()).lines().forEach(shell.out()::println);
        }
        return ExitCode.OK;
    }

    static Table table(List<VmStats> stats, Style style) {
        Table table = new Table(style)
                .left("NAME")
                .left("STATE")
                .right("CPU")
                .right("OF")
                .right("MEMORY")
                .right("OF")
                .right("PEAK")
                .right("MERGED")
                .right("PIDS")
                .right("DISK")
                .right("READ")
                .right("WRITTEN")
                .right("OOM");
        for (VmStats s : stats) {
            table.row(
                    s.name(),
                    new Cell(s.state(), Style.ofState(s.state())),
                    String.format(Locale.ROOT, "%.2f", s.cpuCores()),
                    Quantity.cores(s.resources().cpuMillis()),
                    Quantity.bytes(s.memoryBytes()),
                    Quantity.bytes(s.memoryLimitBytes()),
                    Quantity.bytes(s.memoryPeakBytes()),
                    Quantity.bytes(s.memoryMergedBytes()),
                    s.pids(),
                    Quantity.bytes(s.diskUsedBytes()),
                    Quantity.bytes(s.ioReadBytes()),
                    Quantity.bytes(s.ioWriteBytes()),
                    s.oomKills());
        }
        return table;
    }
}
