package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.sdk.ExecResult;
import dev.tinyvm.sdk.Resize;
import dev.tinyvm.sdk.TinyVmException;
import dev.tinyvm.sdk.VmInfo;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** As {@link LimitsTest} behind gVisor, whose sentry the host's limits hold: a bomb may take its own Tiny VM with it, never a neighbour. */
@NeedsWalls
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GvisorLimitsTest {
    private static final String GVISOR = Walls.line("gvisor");

    private Product product;
    private VmInfo neighbour;

    @BeforeAll
    void start() throws Exception {
        Walls.need("gvisor");
        product = Product.start();
    }

    @AfterAll
    void stop() throws Exception {
        if (product != null) {
            product.close();
        }
    }

    @BeforeEach
    void makeTheNeighbour() {
        neighbour = product.create("cpu: 0.5, memory: 32Mi, disk: 16Mi, pids: 16", GVISOR);
    }

    @AfterEach
    void theNeighbourIsUnharmed() {
        ExecResult result = product.exec(neighbour.id(), "sh", "-c", "echo well > /home/user/x && cat /home/user/x");
        assertThat(result.stdoutText()).isEqualTo("well\n");
        assertThat(product.client().vm(neighbour.id()).state()).isEqualTo("running");
        product.client().remove(neighbour.id());
    }

    @Test
    void aMemoryBombIsKilledAndCounted() throws Exception {
        VmInfo vm = product.create("cpu: 1, memory: 64Mi", GVISOR + "  restart: {policy: never}\n");
        bomb(vm, "x = []\nwhile True: x.append(bytearray(1 << 20))");
        VmInfo after = product.client().vm(vm.id());
        if (after.ended()) {
            assertThat(after.reason()).isEqualTo("OOMKilled");
        } else {
            assertThat(product.client().stats(vm.id()).oomKills()).isPositive();
        }
        product.client().remove(vm.id());
    }

    @Test
    void aForkBombStaysInItsOwnTinyVm() throws Exception {
        VmInfo vm = product.create("cpu: 0.5, memory: 128Mi, pids: 16", GVISOR + "  restart: {policy: never}\n");
        bomb(vm, "import os, time\nwhile True:\n  if os.fork() == 0: time.sleep(600)");
        VmInfo after = product.client().vm(vm.id());
        if (!after.ended()) {
            assertThat(product.client().stats(vm.id()).pids()).isLessThanOrEqualTo(3 * 16 + 128);
        }
        product.client().remove(vm.id());
    }

    @Test
    void aFullDiskIsFullForItsTinyVmOnly() throws Exception {
        VmInfo vm = product.create("cpu: 1, memory: 256Mi, disk: 64Mi", GVISOR);
        ExecResult result = product.exec(
                vm.id(),
                "sh",
                "-c",
                "dd if=/dev/zero of=/home/user/fill bs=1M count=200 2>&1; sync; stat -c %s /home/user/fill");
        assertThat(result.stdoutText()).containsAnyOf("No space left on device", "Disk quota exceeded");
        String[] lines = result.stdoutText().trim().split("\n");
        assertThat(Long.parseLong(lines[lines.length - 1])).isBetween(16L << 20, 68L << 20);
        product.client().remove(vm.id());
    }

    @Test
    void exhaustedDescriptorsAreTheProcesssOwnProblem() throws Exception {
        VmInfo vm = product.create("cpu: 1, memory: 128Mi", GVISOR);
        ExecResult result = product.exec(vm.id(), "python3", "-c", """
                files = []
                try:
                    while True:
                        files.append(open('/dev/null'))
                except OSError as e:
                    print(e.errno)
                """);
        assertThat(result.stdoutText().trim()).isIn("23", "24");
        assertThat(product.exec(vm.id(), "echo", "ok").stdoutText()).isEqualTo("ok\n");
        product.client().remove(vm.id());
    }

    @Test
    void aTenthOfACoreIsATenthAndAResizeShowsAtOnce() throws Exception {
        VmInfo vm = product.create("cpu: 0.1, memory: 32Mi", GVISOR + "  command: [sh, -c, \"while :; do :; done\"]\n");
        Thread.sleep(1000);
        assertThat(share(vm.id(), Duration.ofSeconds(4))).isBetween(0.08, 0.12);
        product.client().resize(vm.id(), new Resize(OptionalInt.of(500), OptionalLong.empty(), OptionalInt.empty()));
        Thread.sleep(1000);
        assertThat(share(vm.id(), Duration.ofSeconds(3))).isBetween(0.4, 0.55);
        product.client().remove(vm.id());
    }

    @Test
    void aPausedOneUsesNoProcessor() throws Exception {
        VmInfo vm = product.create("cpu: 1, memory: 64Mi", GVISOR);
        product.client().pause(vm.id());
        long before = product.client().stats(vm.id()).cpuMicros();
        Thread.sleep(500);
        assertThat(product.client().stats(vm.id()).cpuMicros()).isEqualTo(before);
        product.client().resume(vm.id());
        assertThat(product.exec(vm.id(), "echo", "awake").stdoutText()).isEqualTo("awake\n");
        product.client().remove(vm.id());
    }

    /** Runs a bomb until it, or its Tiny VM, has ended. */
    private void bomb(VmInfo vm, String program) throws InterruptedException {
        try {
            assertThat(product.exec(vm.id(), "python3", "-c", program).exitCode())
                    .isNotZero();
        } catch (TinyVmException e) {
            Product.eventually(
                    () -> vm.id() + " ended", () -> product.client().vm(vm.id()).ended());
        }
    }

    private double share(String vm, Duration over) throws InterruptedException {
        long before = product.client().stats(vm).cpuMicros();
        long started = System.nanoTime();
        Thread.sleep(over);
        long after = product.client().stats(vm).cpuMicros();
        return (after - before) * 1000.0 / (System.nanoTime() - started);
    }
}
