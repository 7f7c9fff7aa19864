package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.VmActivity.ModelCall;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Idle;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pausing and stopping what does nothing. */
class IdleTest {
    @TempDir
    Path data;

    @Test
    void anIdleOneIsPausedThenStopped() {
        try (Fixture f = new Fixture(data)) {
            String vm = start(f, Optional.of(Duration.ofMinutes(5)), Optional.of(Duration.ofMinutes(20)));
            pass(f, vm, Duration.ofMinutes(4));
            assertThat(f.state(vm)).isEqualTo(VmState.RUNNING);
            pass(f, vm, Duration.ofMinutes(2));
            assertThat(f.state(vm)).isEqualTo(VmState.PAUSED);
            assertThat(f.manager.vm(vm).reason()).isEqualTo(VmIdle.REASON);
            assertThat(f.host.vm(vm).frozen()).isTrue();
            pass(f, vm, Duration.ofMinutes(13));
            assertThat(f.state(vm)).isEqualTo(VmState.PAUSED);
            pass(f, vm, Duration.ofMinutes(2));
            f.awaitState(vm, VmState.STOPPED);
            assertThat(f.manager.vm(vm).reason()).isEqualTo(VmIdle.REASON);
        }
    }

    @Test
    void aResumeBeginsAnew() {
        try (Fixture f = new Fixture(data)) {
            String vm = start(f, Optional.of(Duration.ofMinutes(5)), Optional.of(Duration.ofMinutes(20)));
            pass(f, vm, Duration.ofMinutes(6));
            f.manager.resume(vm);
            pass(f, vm, Duration.ofMinutes(4));
            assertThat(f.state(vm)).isEqualTo(VmState.RUNNING);
            pass(f, vm, Duration.ofMinutes(2));
            assertThat(f.state(vm)).isEqualTo(VmState.PAUSED);
        }
    }

    @Test
    void commandsCallsAndWorkAreNotIdle() throws Exception {
        try (Fixture f = new Fixture(data)) {
            String vm = start(f, Optional.of(Duration.ofMinutes(5)), Optional.empty());
            try (GuestProcess _ = f.manager.exec(vm, ExecRequest.of("sleep", "1000"))) {
                pass(f, vm, Duration.ofMinutes(10));
            }
            try (ModelCall _ = f.manager.activity().modelCall(vm)) {
                pass(f, vm, Duration.ofMinutes(10));
                assertThat(f.state(vm)).isNotEqualTo(VmState.PAUSED);
            }
            f.host.vm(vm).setCpuPerPulse(Duration.ofSeconds(2));
            pass(f, vm, Duration.ofMinutes(10));
            assertThat(f.state(vm)).isEqualTo(VmState.RUNNING);
            for (int i = 0; i < 10; i++) {
                f.host.vm(vm).setCpuPerPulse(Duration.ZERO);
                pass(f, vm, Duration.ofMinutes(3));
                f.exec(vm, "true");
            }
            assertThat(f.state(vm)).isEqualTo(VmState.RUNNING);
            pass(f, vm, Duration.ofMinutes(6));
            assertThat(f.state(vm)).isEqualTo(VmState.PAUSED);
        }
    }

    private static String start(Fixture f, Optional<Duration> pauseAfter, Optional<Duration> stopAfter) {
        Agent agent = Fixture.agent("", Fixture.NO_RESTART, "sleep", "1000");
        return f.create(new Agent(
                        agent.metadata(),
                        agent.spec()
                                .change()
                                .idle(new Idle(true, pauseAfter, stopAfter))
                                .build()))
                .id();
    }

    private static void pass(Fixture f, String vm, Duration time) {
        for (Duration passed = Duration.ZERO; passed.compareTo(time) < 0; passed = passed.plusSeconds(5)) {
            f.timing.advance(Duration.ofSeconds(5));
            // A turn, so that the look before it is over.
            f.manager.setTags(vm, Map.of());
        }
    }
}
