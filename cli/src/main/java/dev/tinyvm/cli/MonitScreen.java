package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Printable;
import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.cli.text.Style;
import dev.tinyvm.cli.text.Style.Look;
import dev.tinyvm.cli.text.Table;
import dev.tinyvm.sdk.HostInfo;
import dev.tinyvm.sdk.VmInfo;
import dev.tinyvm.sdk.VmStats;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What {@code monit} shows, as lines; no I/O. */
final class MonitScreen {
    private static final int HEAD_LINES = 4;
    private static final int BAR_CELLS = 10;

    private final Style style;
    private @Nullable HostInfo host;
    private List<Row> rows = List.of();
    private Instant now = Instant.EPOCH;
    private String lost = "";
    private char order = 'c';
    private boolean reversed;
    private int scroll;

    MonitScreen(Style style) {
        this.style = style;
    }

    /** New figures. */
    void show(HostInfo seen, List<VmInfo> vms, List<VmStats> stats, Instant at) {
        Map<String, VmStats> byId =
                stats.stream().collect(Collectors.toMap(VmStats::id, Function.identity(), (a, b) -> b));
        host = seen;
        rows = vms.stream().map(vm -> new Row(vm, byId.get(vm.id()))).toList();
        now = at;
        lost = "";
    }

    /** The manager does not answer; the last figures stay. */
    void lost(String why) {
        lost = why;
    }

    /** A key other than q. */
    void key(int key) {
        switch (key) {
            case 'c', 'm', 'n', 'a' -> {
                order = (char) key;
                scroll = 0;
            }
            case 'r' -> reversed = !reversed;
            case 'j', 'B' -> scroll++; // an arrow is ESC [ A or B; ESC and [ mean nothing here
            case 'k', 'A' -> scroll = Math.max(0, scroll - 1);
            case ' ' -> scroll += 10;
            default -> {}
        }
    }

    /** At most so many lines, none wider than so many columns. */
    List<String> lines(int height, int width) {
        List<String> lines = new ArrayList<>();
        lines.add(head(width));
        lines.add(capacity(width));
        lines.add("");
        Table table = new Table(Style.PLAIN)
                .left("NAME")
                .left("STATE")
                .right("CPU")
                .right("OF")
                .left("")
                .right("MEMORY")
                .right("OF")
                .left("")
                .right("PIDS")
                .right("RESTARTS")
                .right("AGE")
                .left("REASON");
        List<Row> sorted = new ArrayList<>(rows);
        sorted.sort(comparator());
        scroll = Math.clamp(scroll, 0, Math.max(0, sorted.size() - 1));
        List<Row> visible = sorted.subList(scroll, Math.min(sorted.size(), scroll + Math.max(0, height - HEAD_LINES)));
        visible.forEach(row -> row.addTo(table, now));
        List<String> text = table.lines();
        lines.add(style.paint(Look.BOLD, cut(text.getFirst(), width)));
        for (int i = 0; i < visible.size(); i++) {
            lines.add(style.paint(visible.get(i).look(), cut(text.get(i + 1), width)));
        }
        return lines.subList(0, Math.min(height, lines.size()));
    }

    private String head(int width) {
        if (!lost.isEmpty()) {
            return style.paint(Look.RED, cut("no answer: " + Printable.line(lost), width));
        }
        String version = host == null
                ? ""
                : " " + host.version() + " up " + Quantity.duration(Duration.between(host.startedAt(), now));
        String live = host == null ? "" : "   live " + host.vmsLive() + ", waiting for room " + host.vmsPending();
        String text = cut("TinyVM" + version + live + "   c cpu  m memory  n name  a age  r reverse  q quit", width);
        return style.paint(Look.REVERSE, text + " ".repeat(Math.max(0, width - text.length())));
    }

    private String capacity(int width) {
        if (host == null) {
            return "";
        }
        double used = rows.stream()
                .mapToDouble(r -> r.stats == null ? 0 : r.stats.cpuCores())
                .sum();
        long memory = rows.stream()
                .mapToLong(r -> r.stats == null ? 0 : r.stats.memoryBytes())
                .sum();
        return cut(
                String.format(
                        Locale.ROOT,
                        "cpu: %.2f used, %s of %s promised   memory: %s used, %s of %s promised",
                        used,
                        Quantity.cores(host.cpuMillisPromised()),
                        Quantity.cores(host.cpuMillisCapacity()),
                        Quantity.bytes(memory),
                        Quantity.bytes(host.memoryBytesPromised()),
                        Quantity.bytes(host.memoryBytesCapacity())),
                width);
    }

    private Comparator<Row> comparator() {
        Comparator<Row> byName = Comparator.comparing(r -> r.vm.name());
        Comparator<Row> comparator = switch (order) {
            case 'm' ->
                Comparator.comparingLong((Row r) -> r.stats == null ? -1 : r.stats.memoryBytes())
                        .reversed();
            case 'n' -> byName;
            case 'a' -> Comparator.comparing((Row r) -> r.vm.createdAt());
            default ->
                Comparator.comparingDouble((Row r) -> r.stats == null ? -1 : r.stats.cpuCores())
                        .reversed();
        };
        return reversed ? comparator.reversed().thenComparing(byName) : comparator.thenComparing(byName);
    }

    private static String cut(String line, int width) {
        return line.length() <= width ? line : line.substring(0, Math.max(0, width));
    }

    private static String bar(double part) {
        int full = (int) Math.round(Math.clamp(part, 0, 1) * BAR_CELLS);
        return "█".repeat(full) + "·".repeat(BAR_CELLS - full);
    }

    private record Row(VmInfo vm, @Nullable VmStats stats) {
        Look look() {
            return vm.state().equals("running") ? Look.PLAIN : Style.ofState(vm.state());
        }

        void addTo(Table table, Instant now) {
            String age = Quantity.duration(Duration.between(vm.startedAt().orElse(vm.createdAt()), now));
            String cpuLimit = Quantity.cores(vm.resources().cpuMillis());
            String memoryLimit = Quantity.bytes(vm.resources().memoryBytes());
            if (stats == null) {
                table.row(
                        vm.name(),
                        vm.state(),
                        "-",
                        cpuLimit,
                        "",
                        "-",
                        memoryLimit,
                        "",
                        "-",
                        vm.restarts(),
                        age,
                        VmTable.why(vm, false));
                return;
            }
            table.row(
                    vm.name(),
                    vm.state(),
                    String.format(Locale.ROOT, "%.2f", stats.cpuCores()),
                    cpuLimit,
                    bar(stats.cpuCores() * 1000 / Math.max(1, vm.resources().cpuMillis())),
                    Quantity.bytes(stats.memoryBytes()),
                    memoryLimit,
                    bar((double) stats.memoryBytes() / Math.max(1, stats.memoryLimitBytes())),
                    stats.pids(),
                    vm.restarts(),
                    age,
                    VmTable.why(vm, false));
        }
    }
}
