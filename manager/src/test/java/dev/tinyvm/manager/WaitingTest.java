package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.manager.Manager.Deadline;
import dev.tinyvm.manager.Manager.ResizeRequest;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.VmActivity.Hold;
import dev.tinyvm.manager.VmActivity.ModelCall;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Health;
import dev.tinyvm.spec.Idle;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Freezing a Tiny VM that only waits for a model. */
class WaitingTest {
    private static final int LOOKS = 50;

    @TempDir
    Path data;

    @Test
    void itIsFrozenWhileItWaitsAndRunsBeforeTheFirstByteIsHandedOn() {
        try (Fixture f = new Fixture(data)) {
            String vm = f.run("sleep", "1000").id();
            try (ModelCall call = f.manager.activity().modelCall(vm)) {
                f.awaitWaiting(vm);
                assertThat(f.host.vm(vm).frozen()).isTrue();
                assertThat(f.manager.vm(vm).reason()).isEqualTo("Llm");
                call.answered();
                assertThat(f.host.vm(vm).frozen()).isFalse();
                assertThat(f.state(vm)).isEqualTo(VmState.RUNNING);
                staysAwake(f, vm);
            }
            staysAwake(f, vm);
            assertThat(f.manager.vm(vm).use().waits()).isEqualTo(1);
            assertThat(f.manager.waitFigures().waits()).isEqualTo(1);
        }
    }

    @Test
    void aCallThatEndsWithoutAnAnswerWakesIt() {
        try (Fixture f = new Fixture(data)) {
            String vm = f.run("sleep", "1000").id();
            ModelCall call = f.manager.activity().modelCall(vm);
            f.awaitWaiting(vm);
            call.close();
            call.close();
            call.answered();
            assertThat(f.state(vm)).isEqualTo(VmState.RUNNING);
            ModelCall next = f.manager.activity().modelCall(vm);
            f.awaitWaiting(vm);
            next.close();
        }
    }

    @Test
    void withTwoCallsItWaitsUntilOneIsAnsweredAndRunsUntilThatHasEnded() {
        try (Fixture f = new Fixture(data)) {
            String vm = f.run("sleep", "1000").id();
            ModelCall first = f.manager.activity().modelCall(vm);
            ModelCall second = f.manager.activity().modelCall(vm);
            f.awaitWaiting(vm);
            first.answered();
            staysAwake(f, vm);
            first.close();
            f.awaitWaiting(vm);
            second.answered();
            assertThat(f.state(vm)).isEqualTo(VmState.RUNNING);
            second.close();
        }
    }

    @Test
    void aBusyThreadKeepsItAwake() {
        try (Fixture f = new Fixture(data)) {
            String vm = f.run("sleep", "1000").id();
            f.host.vm(vm).setBusy(true);
            try (ModelCall _ = f.manager.activity().modelCall(vm)) {
                staysAwake(f, vm);
                f.host.vm(vm).setBusy(false);
                f.awaitWaiting(vm);
            }
        }
    }

    @Test
    void workBetweenTwoLooksKeepsItAwake() {
        try (Fixture f = new Fixture(data)) {
            String vm = f.run("sleep", "1000").id();
            f.host.vm(vm).setCpuPerPulse(Duration.ofSeconds(60));
            try (ModelCall _ = f.manager.activity().modelCall(vm)) {
                staysAwake(f, vm);
                f.host.vm(vm).setCpuPerPulse(Duration.ZERO);
                f.awaitWaiting(vm);
            }
        }
    }

    @Test
    void commandsConnectionsFilesAndHoldsKeepItAwakeWhileTheyAreOpen() throws Exception {
        try (Fixture f = new Fixture(data)) {
            String vm = f.run("sleep", "1000").id();
            f.exec(vm, "sh", "-c", "echo hello > /tmp/note");
            f.manager
                    .files(vm)
                    .write("", "/tmp/note", GuestFiles.WriteOptions.REPLACE)
                    .close();
            try (AutoCloseable _ = listen(f, vm, 8080);
                    ModelCall _ = f.manager.activity().modelCall(vm)) {
                try (GuestProcess _ = f.manager.exec(vm, ExecRequest.of("sleep", "1000"))) {
                    staysAwake(f, vm);
                }
                f.awaitWaiting(vm);
                try (GuestConnection _ = f.manager.dial(vm, 8080)) {
                    assertThat(f.state(vm)).isEqualTo(VmState.RUNNING);
                    staysAwake(f, vm);
                }
                f.awaitWaiting(vm);
                try (InputStream _ = f.manager.files(vm).read("", "/tmp/note", 0, -1).stream()) {
                    staysAwake(f, vm);
                }
                f.awaitWaiting(vm);
                try (GuestFiles.WriteStream out =
                        f.manager.files(vm).write("", "/tmp/note", GuestFiles.WriteOptions.REPLACE)) {
                    staysAwake(f, vm);
                    out.write("more".getBytes(StandardCharsets.UTF_8));
                }
                f.awaitWaiting(vm);
                try (Hold _ = f.manager.activity().hold(vm)) {
                    staysAwake(f, vm);
                }
                f.awaitWaiting(vm);
            }
        }
    }

    @Test
    void verbsWorkInAWaitingOneAndItIsFrozenAgain() {
        try (Fixture f = new Fixture(data)) {
            String vm = f.run("sleep", "1000").id();
            try (ModelCall _ = f.manager.activity().modelCall(vm)) {
                f.awaitWaiting(vm);
                assertThat(f.exec(vm, "echo", "hi")).isEqualTo("hi\n");
                f.awaitWaiting(vm);
                assertThat(f.manager.files(vm).stat("", "/tmp", true).path()).isEqualTo("/tmp");
                f.awaitWaiting(vm);
                assertThat(f.manager.processes(vm)).isNotEmpty();
                f.awaitWaiting(vm);
                f.manager.resize(vm, new ResizeRequest(Optional.of(1_000), Optional.empty(), Optional.empty()));
                assertThat(f.manager.stats(vm).machine().frozen()).isTrue();
                assertThat(f.manager.resume(vm).state()).isEqualTo(VmState.RUNNING);
            }
        }
    }

    @Test
    void aPauseGoesOverAWaitAndTheAnswerDoesNotEndIt() {
        try (Fixture f = new Fixture(data)) {
            String vm = f.run("sleep", "1000").id();
            try (ModelCall call = f.manager.activity().modelCall(vm)) {
                f.awaitWaiting(vm);
                f.manager.pause(vm);
                call.answered();
                assertThat(f.host.vm(vm).frozen()).isTrue();
                assertThat(f.state(vm)).isEqualTo(VmState.PAUSED);
                f.manager.resume(vm);
                assertThat(f.host.vm(vm).frozen()).isFalse();
            }
        }
    }

    @Test
    void aDeadlineAndAHealthCheckFindAWaitingOne() {
        try (Fixture f = new Fixture(data)) {
            Health check = new Health(
                    new Health.Exec(List.of("false")), Duration.ofSeconds(10), Duration.ofSeconds(5), Duration.ZERO, 1);
            String vm = f.create(Fixture.agent(
                            "",
                            dev.tinyvm.spec.Resources.DEFAULT,
                            Fixture.NO_RESTART,
                            Optional.of(check),
                            "sleep",
                            "1000"))
                    .id();
            try (ModelCall _ = f.manager.activity().modelCall(vm)) {
                f.awaitWaiting(vm);
                f.timing.advance(Duration.ofSeconds(10));
                f.awaitState(vm, VmState.FAILED);
                assertThat(f.manager.vm(vm).reason()).isEqualTo(Ending.UNHEALTHY);
            }
            String other = f.run("sleep", "1000").id();
            try (ModelCall _ = f.manager.activity().modelCall(other)) {
                f.awaitWaiting(other);
                f.manager.setDeadline(
                        other, Optional.of(new Deadline(f.timing.now().plusSeconds(5), Deadline.Action.PAUSE)));
                f.timing.advance(Duration.ofSeconds(5));
                f.awaitState(other, VmState.PAUSED);
                assertThat(f.host.vm(other).frozen()).isTrue();
            }
        }
    }

    @Test
    void theNextManagerThawsWhatWaited() {
        try (Fixture f = new Fixture(data)) {
            String vm = f.run("sleep", "1000").id();
            ModelCall _ = f.manager.activity().modelCall(vm);
            f.awaitWaiting(vm);
            // Stored while it waits, too: whatever state is on disk, the call is gone with the manager.
            f.manager.setTags(vm, java.util.Map.of("a", "b"));
            f.reopen();
            assertThat(f.state(vm)).isEqualTo(VmState.RUNNING);
            assertThat(f.host.vm(vm).frozen()).isFalse();
            assertThat(f.exec(vm, "echo", "hi")).isEqualTo("hi\n");
        }
    }

    @Test
    void aDescriptorThatForbidsItIsHeard() {
        try (Fixture f = new Fixture(data)) {
            Agent agent = Fixture.agent("", Fixture.NO_RESTART, "sleep", "1000");
            Agent never = new Agent(
                    agent.metadata(),
                    agent.spec()
                            .change()
                            .idle(new Idle(false, Optional.empty(), Optional.empty()))
                            .build());
            String vm = f.create(never).id();
            try (ModelCall _ = f.manager.activity().modelCall(vm)) {
                staysAwake(f, vm);
            }
        }
    }

    @Test
    void itsCpuIsLentMeanwhileAndItNeverWaitsToGetItBack() {
        try (Fixture f = new Fixture(data)) {
            String first = f.create(Fixture.agent(
                            "first", Fixture.size(4_000, 64), Fixture.NO_RESTART, Optional.empty(), "sleep", "1000"))
                    .id();
            String second = f.create(Fixture.agent(
                            "second", Fixture.size(4_000, 64), Fixture.NO_RESTART, Optional.empty(), "sleep", "1000"))
                    .id();
            assertThat(f.state(second)).isEqualTo(VmState.PENDING);
            try (ModelCall call = f.manager.activity().modelCall(first)) {
                f.awaitWaiting(first);
                f.awaitState(second, VmState.RUNNING);
                assertThat(f.manager.host().cpuMillisPromised()).isEqualTo(4_000);
                assertThat(f.manager.host().memoryBytesPromised()).isEqualTo(128L << 20);
                call.answered();
                assertThat(f.state(first)).isEqualTo(VmState.RUNNING);
                assertThat(f.manager.host().cpuMillisPromised()).isEqualTo(8_000);
            }
            f.manager.remove(first);
            assertThat(f.manager.host().cpuMillisPromised()).isEqualTo(4_000);
        }
    }

    @Test
    void itsCpuIsLentFromTheFirstLookOnAndTakenBackWhenALookFindsItBusy() {
        try (Fixture f = new Fixture(data)) {
            String first = f.create(Fixture.agent(
                            "first", Fixture.size(4_000, 64), Fixture.NO_RESTART, Optional.empty(), "sleep", "1000"))
                    .id();
            String second = f.create(Fixture.agent(
                            "second", Fixture.size(4_000, 64), Fixture.NO_RESTART, Optional.empty(), "sleep", "1000"))
                    .id();
            f.host.vm(first).setBusy(true);
            try (ModelCall _ = f.manager.activity().modelCall(first)) {
                turn(f, first);
                assertThat(f.state(second)).isEqualTo(VmState.PENDING);
                f.timing.advance(VmWaiting.FIRST_LOOK);
                f.awaitState(second, VmState.RUNNING);
                assertThat(f.manager.host().cpuMillisPromised()).isEqualTo(4_000);
                f.timing.advance(VmWaiting.BETWEEN_LOOKS);
                turn(f, first);
                assertThat(f.manager.host().cpuMillisPromised()).isEqualTo(8_000);
                assertThat(f.state(first)).isEqualTo(VmState.RUNNING);
            }
        }
    }

    @Test
    void anAnswerBeforeItIsFrozenTakesItsCpuBack() {
        try (Fixture f = new Fixture(data)) {
            String vm = f.run("sleep", "1000").id();
            int promised = f.manager.host().cpuMillisPromised();
            try (ModelCall call = f.manager.activity().modelCall(vm)) {
                f.timing.advance(VmWaiting.FIRST_LOOK);
                turn(f, vm);
                assertThat(f.manager.host().cpuMillisPromised()).isZero();
                call.answered();
                assertThat(f.manager.host().cpuMillisPromised()).isEqualTo(promised);
            }
            staysAwake(f, vm);
            assertThat(f.manager.host().cpuMillisPromised()).isEqualTo(promised);
        }
    }

    @Test
    void whenItsWorkHasEndedItIsFrozenWithinATenthOfASecond() {
        try (Fixture f = new Fixture(data)) {
            String vm = f.run("sleep", "1000").id();
            f.host.vm(vm).setBusy(true);
            try (ModelCall _ = f.manager.activity().modelCall(vm)) {
                staysAwake(f, vm);
                f.host.vm(vm).setBusy(false);
                Duration passed = Duration.ZERO;
                while (f.state(vm) != VmState.WAITING) {
                    f.timing.advance(Duration.ofMillis(1));
                    turn(f, vm);
                    passed = passed.plusMillis(1);
                    assertThat(passed).isLessThan(Duration.ofMillis(100));
                }
            }
        }
    }

    private static AutoCloseable listen(Fixture f, String vm, int port) {
        return f.host.vm(vm).ports().listenInside(port, connection -> {});
    }

    /** However long it takes. */
    private static void staysAwake(Fixture f, String vm) {
        for (int i = 0; i < LOOKS; i++) {
            f.timing.advance(VmWaiting.LONGEST_BETWEEN_LOOKS);
            turn(f, vm);
        }
        assertThat(f.state(vm)).isEqualTo(VmState.RUNNING);
    }

    /** So that the looks before it are over. */
    private static void turn(Fixture f, String vm) {
        f.manager.setTags(vm, java.util.Map.of());
    }
}
