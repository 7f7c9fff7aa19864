package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineStats;
import dev.tinyvm.spec.Resources;
import org.junit.jupiter.api.Test;

/** CPU shares and freezing. What is compared is CPU time with CPU time, never with a clock that a slow machine would stretch. */
class CpuTest extends WasmFixture {
    @Test
    void aShareIsKeptAndTheRestIsReportedAsThrottled() throws Exception {
        Machine tenth = machine(MULTI, new Resources(100, 64L << 20, 4L << 20, 8));
        try (GuestProcess spin = start(tenth, "spin")) {
            await("some use", () -> tenth.stats().cpuMicros() > 100_000);
            MachineStats first = tenth.stats();
            long start = System.nanoTime();
            // On a busy host a tick may come late; what was used too much then is waited for. Without a share this is
            // never true again.
            await("its share", () -> {
                long used = tenth.stats().cpuMicros() - first.cpuMicros();
                long micros = (System.nanoTime() - start) / 1000;
                return used > 50_000 && used < micros / 10 + 30_000;
            });
            assertThat(tenth.stats().throttledMicros()).isGreaterThan(first.throttledMicros());
            spin.signal(9, false);
            assertThat(drain(spin).status()).isEqualTo(137);
        }
    }

    @Test
    void aThrottledLoopCanBeGivenMoreWhileItRuns() throws Exception {
        Machine machine = machine(MULTI, new Resources(100, 64L << 20, 4L << 20, 8));
        try (GuestProcess spin = start(machine, "spin")) {
            await("throttling", () -> machine.stats().throttledMicros() > 0);
            machine.resize(new Resources(4000, 64L << 20, 4L << 20, 8));
            await("the new share", () -> {
                long before = machine.stats().throttledMicros();
                long cpu = machine.stats().cpuMicros();
                while (machine.stats().cpuMicros() < cpu + 20_000) {
                    Thread.onSpinWait();
                }
                return machine.stats().throttledMicros() == before;
            });
            assertThat(spin.processId()).isPositive();
        }
    }

    @Test
    void aFrozenLoopUsesNoCpuAndGoesOnAfterwards() throws Exception {
        Machine machine = machine();
        try (GuestProcess spin = start(machine, "spin")) {
            await("some use", () -> machine.stats().cpuMicros() > 1000);
            machine.freeze();
            long frozen = machine.stats().cpuMicros();
            // The neighbour's work is the clock here: it takes the CPU that the frozen one does not.
            assertThat(run(machine(), "work", "3000000").status()).isZero();
            assertThat(machine.stats().cpuMicros()).isLessThan(frozen + 5_000);
            machine.thaw();
            await("more use", () -> machine.stats().cpuMicros() > frozen + 20_000);
            assertThat(spin.processId()).isPositive();
        }
    }

    /** The governor looks at all machines of the engine; one that has just ended must not stop it for the others. */
    @Test
    void theGovernorSurvivesAMachineThatHasEnded() throws Exception {
        WasmMachine ended = (WasmMachine) machine();
        ended.kill();
        assertThat(ended.tick(System.nanoTime())).isFalse();
        Machine machine = machine(MULTI, new Resources(100, 64L << 20, 4L << 20, 8));
        try (GuestProcess spin = start(machine, "spin")) {
            await("throttling", () -> machine.stats().throttledMicros() > 0);
            assertThat(spin.processId()).isPositive();
        }
    }

    @Test
    void anIdleEngineDoesNotWake() throws Exception {
        Machine machine = machine();
        try (GuestProcess sleep = start(machine, "sleep", "1000")) {
            await("the governor to rest", () -> !engine.governor().isAwake());
            assertThat(machine.stats().pids()).isEqualTo(2);
            sleep.signal(15, false);
            assertThat(drain(sleep).status()).isEqualTo(143);
        }
    }
}
