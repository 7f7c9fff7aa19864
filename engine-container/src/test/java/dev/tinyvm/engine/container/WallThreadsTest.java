package dev.tinyvm.engine.container;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.Machine.Pulse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class WallThreadsTest {
    @Test
    void aNameThatLooksLikeAStateDeceivesNobody() throws IOException {
        assertThat(WallThreads.isBusyState("7 (a) R 1) S 1 7 7 0")).isFalse();
        assertThat(WallThreads.isBusyState("7 (a) S 1) R 1 7 7 0")).isTrue();
        assertThat(WallThreads.isBusyState("7 (sh\nx) D 1 7 7 0")).isTrue();
        assertThat(WallThreads.isBusyState("7 (sh) Z 1 7 7 0")).isFalse();
        assertThat(WallThreads.isBusyState("7 (sh) T 1 7 7 0")).isFalse();
        assertThatThrownBy(() -> WallThreads.isBusyState("7 (sh)")).isInstanceOf(IOException.class);
        assertThatThrownBy(() -> WallThreads.isBusyState("nonsense")).isInstanceOf(IOException.class);
    }

    @Test
    void cgroupsOfBothVersionsAreRead() {
        assertThat(WallCgroups.cgroups("4:memory:/m\n2:cpu,cpuacct:/tinyvm-0/s1\n8:pids:/tinyvm-0/s1\n0::/\n"))
                .containsEntry("cpuacct", "/tinyvm-0/s1")
                .containsEntry("pids", "/tinyvm-0/s1")
                .containsEntry("", "/");
        assertThat(WallCgroups.mounts("""
                        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
                        39 31 0:36 /docker/x /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
                        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
                        25 1 8:1 / / rw - ext4 /dev/sda1 rw
                        nonsense"""))
                .containsEntry("cpuacct", new WallCgroups.Mount("/", Path.of("/sys/fs/cgroup/cpu")))
                .containsEntry("pids", new WallCgroups.Mount("/docker/x", Path.of("/sys/fs/cgroup/pids")))
                .containsEntry("", new WallCgroups.Mount("/", Path.of("/sys/fs/cgroup/unified")));
    }

    /** Recorded on a kernel with cgroup v2 alone, by {@code native/spawner/test/v2.py}, which also says how. */
    @Test
    void onPureCgroupV2AnIdleWallAHeldBackOneAndAFrozenOneAreToldApart() throws Exception {
        Pulse idle = recorded("idle").pulse();
        Pulse throttled = recorded("throttled").pulse();
        Pulse frozen = recorded("frozen").pulse();
        assertThat(idle.busy()).isFalse();
        // Its loop has used up its tenth of a core: it stands in the queue, and is busy.
        assertThat(throttled.busy()).isTrue();
        assertThat(frozen.busy()).isFalse();
        assertThat(idle.cpuNanos()).isPositive();
        assertThat(throttled.cpuNanos()).isGreaterThan(idle.cpuNanos() + 100_000_000);
        assertThat(frozen.cpuNanos()).isGreaterThan(throttled.cpuNanos());
    }

    private static WallThreads recorded(String state) throws Exception {
        Path root = Path.of(Objects.requireNonNull(WallThreadsTest.class.getResource("/cgroup-v2/" + state))
                .toURI());
        long first;
        try (Stream<Path> processes = Files.list(root.resolve("proc"))) {
            first = processes
                    .filter(process -> Files.exists(process.resolve("cgroup")))
                    .mapToLong(process -> Long.parseLong(process.getFileName().toString()))
                    .findFirst()
                    .orElseThrow();
        }
        WallCgroups cgroups = WallCgroups.of(root, first);
        assertThat(cgroups.v2()).isTrue();
        return WallThreads.of(cgroups);
    }
}
