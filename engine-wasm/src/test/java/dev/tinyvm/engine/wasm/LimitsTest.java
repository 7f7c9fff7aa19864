package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.spec.Resources;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Bombs, and what they leave of the JVM and the neighbours. */
class LimitsTest extends WasmFixture {
    @Test
    void aRunawayLoopIsKilled() throws Exception {
        Machine machine = machine();
        try (GuestProcess spin = start(machine, "stubborn")) {
            assertThat(firstOutput(spin)).isEqualTo("ready\n");
            spin.signal(9, false);
            assertThat(drain(spin).status()).isEqualTo(137);
        }
        assertThat(run(machine, "true").status()).isZero();
    }

    /** It is cut into several, each with its checkpoints. */
    @Test
    void aRunawayLoopInAFunctionTooLargeForTheJvmIsKilledAndFrozen() throws Exception {
        java.nio.file.Path file = java.nio.file.Files.write(cache.resolve("huge.wasm"), hugeLoop());
        Machine machine = machine(file.toString(), RESOURCES);
        try (GuestProcess spin = start(machine, "huge")) {
            await("some use", () -> machine.stats().cpuMicros() > 20_000);
            machine.freeze();
            machine.thaw();
            spin.signal(9, false);
            assertThat(drain(spin).status()).isEqualTo(137);
        }
    }

    /** {@code _start}: 40,000 constants stored into a global, then an endless loop. */
    private static byte[] hugeLoop() {
        java.io.ByteArrayOutputStream body = new java.io.ByteArrayOutputStream();
        body.write(0);
        for (int i = 0; i < 40_000; i++) {
            body.writeBytes(new byte[] {0x41, 1, 0x24, 0});
        }
        body.writeBytes(new byte[] {0x03, 0x40, 0x0c, 0, 0x0b, 0x0b});
        java.io.ByteArrayOutputStream code = new java.io.ByteArrayOutputStream();
        code.write(1);
        leb(code, body.size());
        code.writeBytes(body.toByteArray());
        java.io.ByteArrayOutputStream module = new java.io.ByteArrayOutputStream();
        module.writeBytes(new byte[] {0, 'a', 's', 'm', 1, 0, 0, 0});
        module.writeBytes(new byte[] {1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0});
        module.writeBytes(new byte[] {6, 6, 1, 0x7f, 1, 0x41, 0, 0x0b});
        module.writeBytes(new byte[] {7, 10, 1, 6, '_', 's', 't', 'a', 'r', 't', 0, 0});
        module.write(10);
        leb(module, code.size());
        module.writeBytes(code.toByteArray());
        return module.toByteArray();
    }

    private static void leb(java.io.ByteArrayOutputStream out, int value) {
        int rest = value;
        while (rest > 127) {
            out.write((rest & 127) | 128);
            rest >>= 7;
        }
        out.write(rest);
    }

    @Test
    void memoryEndsAtTheLimitAndIsReported() throws Exception {
        Machine bomber = machine();
        Machine neighbour = machine();
        Result result = run(bomber, "bomb");
        assertThat(result.stdout()).isEqualTo("refused after 62 MiB\n");
        assertThat(result.stderr()).contains("limit of 67108864 bytes");
        assertThat(bomber.stats().oomKills()).isEqualTo(1);
        assertThat(bomber.stats().memoryPeakBytes()).isBetween(62L << 20, 64L << 20);
        assertThat(run(neighbour, "echo", "fine").stdout()).isEqualTo("fine\n");
        await("the memory to come back", () -> bomber.stats().memoryBytes() == 0);
    }

    @Test
    void theProcessesOfAMachineShareItsMemoryLimit() throws Exception {
        Machine machine = machine(MULTI, new Resources(1000, 4L << 20, 4L << 20, 64));
        assertThat(run(machine, "bomb").stdout()).isEqualTo("refused after 2 MiB\n");
        assertThatThrownBy(() -> {
                    try (GuestProcess sleep = start(machine, "sleep", "1000")) {
                        await("its memory", () -> machine.stats().memoryBytes() > 0);
                        machine.resize(new Resources(1000, 1, 4L << 20, 64));
                        drain(sleep);
                    }
                })
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.LIMIT));
    }

    @Test
    void allMachinesTogetherLeaveTheHeapRoom() throws Exception {
        Resources large = new Resources(1000, 1L << 30, 4L << 20, 64);
        Machine greedy = machine(MULTI, large);
        Machine neighbour = machine();
        Result result = run(greedy, "bomb");
        assertThat(result.stdout()).startsWith("refused after ");
        assertThat(greedy.stats().memoryPeakBytes()).isLessThan(HEAP_BYTES);
        assertThat(run(neighbour, "echo", "fine").stdout()).isEqualTo("fine\n");
    }

    @Test
    void anExhaustedStackEndsOnlyItsProcess() throws Exception {
        Machine machine = machine();
        Result deep = run(machine, "recurse");
        assertThat(deep.status()).isEqualTo(139);
        assertThat(deep.stderr()).contains("call stack exhausted");
        assertThat(run(machine, "recurse-wide").status()).isEqualTo(134);
        assertThat(run(machine, "true").status()).isZero();
    }

    @Test
    void aTrapIsReportedAsOne() throws Exception {
        Result result = run(machine(), "trap");
        assertThat(result.status()).isEqualTo(134);
        assertThat(result.stderr()).contains("trapped").doesNotContain("\tat ");
    }

    @Test
    void theDiskHasAQuotaForBytesAndForFiles() throws Exception {
        Machine machine = machine();
        assertThat(run(machine, "fill", "/tmp/full").stdout()).matches("full after 40\\d\\d KiB, errno 51\n");
        assertThat(machine.stats().diskUsedBytes()).isEqualTo(machine.stats().diskTotalBytes());
        assertThatThrownBy(() -> write(machine, "/tmp/more", "x")).hasMessageContaining("ENOSPC");
        machine.files().remove("", "/tmp/full", false);
        write(machine, "/tmp/more", "x");
        assertThat(run(machine, "files").stdout()).matches("1\\d\\d\\d files, errno 51\n");
    }

    @Test
    void openFilesAreLimited() throws Exception {
        assertThat(run(machine(), "descriptors").stdout()).isEqualTo("252 open, errno 33\n");
    }

    @Test
    void processesAreLimited() throws Exception {
        Machine machine = machine(MULTI, new Resources(1000, 64L << 20, 4L << 20, 2));
        start(machine, "sleep", "1000");
        GuestProcess second = start(machine, "sleep", "1000");
        assertThatThrownBy(() -> start(machine, "true"))
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.LIMIT));
        second.signal(15, false);
        assertThat(drain(second).status()).isEqualTo(143);
        await("the place", () -> run(machine));
    }

    @Test
    void aFloodOfOutputWaitsForItsReader() throws Exception {
        Machine machine = machine();
        try (GuestProcess flood = start(machine, "spam", "100000000")) {
            firstOutput(flood);
            assertThat(run(machine, "echo", "fine").stdout()).isEqualTo("fine\n");
            flood.signal(9, false);
            assertThat(drain(flood).status()).isEqualTo(137);
        }
    }

    @Test
    void aCommandEndsAtItsWallClockLimit() throws Exception {
        try (WasmEngine short_ = new WasmEngine(
                new WasmSettings(work.resolve("short"), cache, HEAP_BYTES, Optional.of(Duration.ofMillis(50))))) {
            Machine machine = short_.create(new MachineSpec("wall", MULTI, RESOURCES, List.of(), "tiny", "user"));
            Result result = run(machine, "spin");
            assertThat(result.status()).isEqualTo(137);
            assertThat(result.stderr()).contains("wall-clock limit");
        }
        java.nio.file.Files.delete(work.resolve("short"));
    }

    private static boolean run(Machine machine) {
        try {
            return run(machine, "true").status() == 0;
        } catch (EngineException e) {
            return false;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
