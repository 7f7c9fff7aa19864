package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.sdk.ExecResult;
import dev.tinyvm.sdk.Resize;
import dev.tinyvm.sdk.VmInfo;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** Bombs of every kind are contained, named by their true reason, and do no harm to a neighbour. */
@NeedsWalls
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LimitsTest {
    private static final String BUSY_LOOP = "while :; do :; done";

    private Product product;
    private VmInfo neighbour;

    @BeforeAll
    void start() throws Exception {
        product = Product.start();
    }

    @AfterAll
    void stop() throws Exception {
        product.close();
    }

    @BeforeEach
    void makeTheNeighbour() {
        neighbour = product.create("cpu: 0.5, memory: 32Mi, disk: 16Mi, pids: 16");
    }

    @AfterEach
    void theNeighbourIsUnharmed() {
        ExecResult result = product.exec(neighbour.id(), "sh", "-c", "echo well > /tmp/x && cat /tmp/x");
        assertThat(result.stdoutText()).isEqualTo("well\n");
        assertThat(product.client().vm(neighbour.id()).state()).isEqualTo("running");
        product.client().remove(neighbour.id());
    }

    @Test
    void aMemoryBombIsOomKilledAndSaysSo() throws Exception {
        VmInfo vm = product.create(
                "cpu: 1, memory: 64Mi",
                "  command: [python3, -c, \"x = []\\nwhile True: x.append(bytearray(1 << 20))\"]\n  restart: {policy: never}\n");
        VmInfo ended = ended(vm);
        assertThat(ended.state()).isEqualTo("failed");
        assertThat(ended.reason()).isEqualTo("OOMKilled");
        product.client().remove(vm.id());
    }

    @Test
    void anExecThatEatsAllMemoryIsKilledAndTheTinyVmLivesOn() throws Exception {
        VmInfo vm = product.create("cpu: 1, memory: 64Mi");
        ExecResult result = product.exec(vm.id(), "python3", "-c", "x = []\nwhile True: x.append(bytearray(1 << 20))");
        assertThat(result.signal()).isEqualTo(9);
        assertThat(product.exec(vm.id(), "echo", "still here").stdoutText()).isEqualTo("still here\n");
        assertThat(product.client().stats(vm.id()).oomKills()).isPositive();
        product.client().remove(vm.id());
    }

    @Test
    void aForkBombStopsAtTheLimitOfProcesses() throws Exception {
        VmInfo vm = product.create("cpu: 0.5, memory: 128Mi, pids: 32");
        ExecResult result = product.exec(vm.id(), "python3", "-c", """
                import os, time
                n = 0
                try:
                    while True:
                        if os.fork() == 0:
                            time.sleep(600)
                        n += 1
                except BlockingIOError:
                    print(n, flush=True)
                    os.kill(0, 9)
                """);
        assertThat(Integer.parseInt(result.stdoutText().trim())).isBetween(5, 31);
        assertThat(product.exec(vm.id(), "echo", "room again").stdoutText()).isEqualTo("room again\n");
        product.client().remove(vm.id());
    }

    @Test
    void aFullDiskIsFullForItsTinyVmOnly() throws Exception {
        VmInfo vm = product.create("cpu: 1, memory: 256Mi, disk: 64Mi");
        ExecResult result = product.exec(
                vm.id(),
                "sh",
                "-c",
                "dd if=/dev/zero of=/home/user/fill bs=1M count=200 2>&1; sync; stat -c %s /home/user/fill");
        assertThat(result.stdoutText()).containsAnyOf("No space left on device", "Disk quota exceeded");
        String[] lines = result.stdoutText().trim().split("\n");
        assertThat(Long.parseLong(lines[lines.length - 1])).isBetween(16L << 20, 68L << 20);
        product.exec(vm.id(), "rm", "/home/user/fill");
        product.client().remove(vm.id());
    }

    @Test
    void exhaustedDescriptorsAreTheProcesssOwnProblem() throws Exception {
        VmInfo vm = product.create("cpu: 0.5, memory: 128Mi");
        ExecResult result = product.exec(vm.id(), "python3", "-c", """
                import resource
                resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
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
    void aFloodOfLogLinesKeepsMemoryAndDiskBounded() throws Exception {
        VmInfo vm = product.create(
                "cpu: 1, memory: 64Mi",
                "  command: [sh, -c, \"yes 0123456789012345678901234567890123456789012345678901234567890123 | head -c 400000000; echo the end; sleep 1000\"]\n");
        Product.eventually(() -> "the last line of the flood is in the log", () -> logged(vm, "the end"));
        long bytes;
        try (Stream<Path> files = Files.walk(product.data().resolve("manager/logs"))) {
            bytes = files.filter(Files::isRegularFile)
                    .mapToLong(f -> f.toFile().length())
                    .sum();
        }
        assertThat(bytes).isLessThan(40L << 20);
        product.client().remove(vm.id());
    }

    @Test
    void zombiesAreReaped() throws Exception {
        VmInfo vm = product.create("cpu: 1, memory: 64Mi, pids: 32");
        for (int i = 0; i < 5; i++) {
            product.exec(vm.id(), "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.01 &) ; done");
        }
        Product.eventually(
                () -> "no process is left but PID 1",
                () -> product.client().stats(vm.id()).pids() <= 1);
        product.client().remove(vm.id());
    }

    @Test
    void aTenthOfACoreIsATenthAndAResizeShowsAtOnce() throws Exception {
        VmInfo vm = product.create("cpu: 0.1, memory: 32Mi", "  command: [sh, -c, \"" + BUSY_LOOP + "\"]\n");
        double tenth = share(vm.id(), Duration.ofSeconds(4));
        assertThat(tenth).isBetween(0.08, 0.12);
        product.client().resize(vm.id(), new Resize(OptionalInt.of(500), OptionalLong.empty(), OptionalInt.empty()));
        Thread.sleep(1000);
        assertThat(share(vm.id(), Duration.ofSeconds(3))).isBetween(0.4, 0.55);
        product.client().remove(vm.id());
    }

    @Test
    void memoryCanBeResizedLive() throws Exception {
        VmInfo vm = product.create("cpu: 1, memory: 32Mi");
        String[] command = {"python3", "-c", "x = bytearray(60 << 20); print(len(x))"};
        assertThat(product.exec(vm.id(), command).signal()).isEqualTo(9);
        product.client()
                .resize(vm.id(), new Resize(OptionalInt.empty(), OptionalLong.of(128L << 20), OptionalInt.empty()));
        assertThat(product.exec(vm.id(), command).stdoutText()).isEqualTo((60 << 20) + "\n");
        product.client().remove(vm.id());
    }

    /** Share of a core over a while, from the machine's own counter. */
    private double share(String vm, Duration over) throws InterruptedException {
        long before = product.client().stats(vm).cpuMicros();
        long started = System.nanoTime();
        Thread.sleep(over);
        long after = product.client().stats(vm).cpuMicros();
        return (after - before) * 1000.0 / (System.nanoTime() - started);
    }

    private boolean logged(VmInfo vm, String text) {
        return product.log(vm.id(), 1).stream().anyMatch(line -> line.text().contains(text));
    }

    private VmInfo ended(VmInfo vm) throws InterruptedException {
        Product.eventually(
                () -> vm.id() + " ended", () -> product.client().vm(vm.id()).ended());
        return product.client().vm(vm.id());
    }
}
