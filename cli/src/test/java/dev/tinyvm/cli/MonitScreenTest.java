package dev.tinyvm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.cli.text.Style;
import dev.tinyvm.sdk.HostInfo;
import dev.tinyvm.sdk.VmInfo;
import dev.tinyvm.sdk.VmStats;
import dev.tinyvm.spec.Resources;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class MonitScreenTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:01:00Z");
    private final MonitScreen screen = new MonitScreen(Style.PLAIN);

    @Test
    void rowsAreSortedByTheChosenKey() {
        show(3);
        assertThat(names(20)).containsExactly("vm-2", "vm-1", "vm-0"); // CPU
        screen.key('n');
        assertThat(names(20)).containsExactly("vm-0", "vm-1", "vm-2");
        screen.key('r');
        assertThat(names(20)).containsExactly("vm-2", "vm-1", "vm-0");
        screen.key('m');
        screen.key('r');
        assertThat(names(20)).containsExactly("vm-0", "vm-1", "vm-2"); // memory falls with the number
    }

    @Test
    void noLineIsWiderOrLowerThanTheWindow() {
        show(50);
        for (int width : new int[] {20, 80, 200}) {
            List<String> lines = screen.lines(10, width);
            assertThat(lines)
                    .hasSize(10)
                    .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(width));
        }
    }

    @Test
    void scrollingStaysWithinTheRows() {
        show(50);
        screen.key('n');
        for (int i = 0; i < 100; i++) {
            screen.key(' ');
        }
        assertThat(names(10)).containsExactly("vm-9");
        for (int i = 0; i < 2000; i++) {
            screen.key('k');
        }
        assertThat(names(10).getFirst()).isEqualTo("vm-0");
    }

    @Test
    void aLostManagerIsSaidAndTheLastFiguresStay() {
        show(1);
        screen.lost("connection refused");
        assertThat(screen.lines(20, 100).getFirst()).contains("no answer: connection refused");
        assertThat(names(20)).containsExactly("vm-0");
    }

    private List<String> names(int height) {
        return screen.lines(height, 200).stream()
                .skip(4)
                .map(l -> l.split(" ")[0])
                .toList();
    }

    private void show(int count) {
        List<VmInfo> vms = new java.util.ArrayList<>();
        List<VmStats> stats = new java.util.ArrayList<>();
        for (int i = 0; i < count; i++) {
            String id = "id" + i;
            vms.add(new VmInfo(
                    id,
                    "vm-" + i,
                    "",
                    "host",
                    List.of(),
                    Map.of(),
                    Resources.DEFAULT,
                    "container",
                    "",
                    "host",
                    "running",
                    "",
                    "",
                    Optional.empty(),
                    0,
                    OptionalInt.empty(),
                    OptionalInt.empty(),
                    1,
                    NOW.minusSeconds(60),
                    Optional.empty(),
                    Optional.empty(),
                    new VmInfo.Use(0, 0, 0, 0),
                    ""));
            stats.add(new VmStats(
                    id,
                    "vm-" + i,
                    "running",
                    Resources.DEFAULT,
                    i / 100.0,
                    0,
                    0,
                    1000L - i,
                    0,
                    64L << 20,
                    1,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    false,
                    NOW));
        }
        screen.show(
                new HostInfo("0.1.0", NOW.minusSeconds(90), 4000, 500, 8L << 30, 64L << 20, count, 0, List.of()),
                vms,
                stats,
                NOW);
    }
}
