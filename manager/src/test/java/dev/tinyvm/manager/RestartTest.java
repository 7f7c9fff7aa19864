package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.MachineStats;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.manager.RestartPolicy.Decision;
import dev.tinyvm.spec.Restart;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RestartTest {
    private static final Instant NOW = Instant.parse("2026-03-01T12:00:00Z");

    @TempDir
    Path data;

    private Fixture fixture;

    @BeforeEach
    void open() {
        fixture = new Fixture(data);
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void thePolicySaysWhichEndsAreFollowedByAStart() {
        assertThat(decide(Restart.Policy.NEVER, true)).isInstanceOf(Decision.Stay.class);
        assertThat(decide(Restart.Policy.ON_FAILURE, false)).isInstanceOf(Decision.Stay.class);
        assertThat(decide(Restart.Policy.ON_FAILURE, true)).isInstanceOf(Decision.Again.class);
        assertThat(decide(Restart.Policy.ALWAYS, false)).isInstanceOf(Decision.Again.class);
        assertThat(RestartPolicy.decide(policy(Restart.Policy.ALWAYS, 0), true, List.of(), NOW))
                .isInstanceOf(Decision.Stay.class);
    }

    @Test
    void theWaitDoublesUpToItsBoundAndStartsAnewAfterTheWindow() {
        Restart restart = new Restart(
                Restart.Policy.ALWAYS,
                10,
                Duration.ofMinutes(1),
                Duration.ofSeconds(1),
                Duration.ofSeconds(5),
                OptionalLong.empty());
        List<Instant> recent = List.of();
        for (long seconds : new long[] {1, 2, 4, 5, 5}) {
            assertThat(RestartPolicy.decide(restart, true, recent, NOW))
                    .isEqualTo(new Decision.Again(Duration.ofSeconds(seconds), recent.size() + 1));
            recent = Stream.concat(recent.stream(), Stream.of(NOW)).toList();
        }
        assertThat(RestartPolicy.decide(restart, true, recent, NOW.plusSeconds(60)))
                .isEqualTo(new Decision.Again(Duration.ofSeconds(1), 1));
    }

    @Test
    void aFailingProcessIsStartedAgainInTheSameMachineUntilItLoops() {
        VmStatus vm = fixture.create(
                Fixture.agent("", policy(Restart.Policy.ON_FAILURE, 3), "sh", "-c", "touch mark; false"));
        Fixture.eventually(
                () -> {
                    fixture.timing.advance(Duration.ofMillis(500));
                    return fixture.state(vm.id()).ended();
                },
                "it gives up");
        VmStatus end = fixture.manager.vm(vm.id());
        assertThat(end.state()).isEqualTo(VmState.FAILED);
        assertThat(end.reason()).isEqualTo("CrashLoop");
        assertThat(end.restarts()).isEqualTo(3);
        assertThat(end.exitCode()).contains(1);
        assertThat(fixture.host.created()).isEqualTo(1);
        assertThat(fixture.host.ids()).isEmpty();
        assertThat(fixture.eventTypes(vm.id()).stream().filter("vm.restarting"::equals))
                .hasSize(3);
    }

    @Test
    void aLostMachineIsReplaced() {
        VmStatus vm = fixture.create(Fixture.agent("", policy(Restart.Policy.ALWAYS, 3), "sleep", "1000"));
        fixture.host.vm(vm.id()).crash();
        fixture.awaitState(vm.id(), VmState.STARTING);
        assertThat(fixture.manager.host().cpuMillisPromised()).isEqualTo(500);
        fixture.host.failNextCreate(new EngineException(EngineException.Code.FAILED, "the spawner is away"));
        fixture.timing.advance(Duration.ofSeconds(1));
        Fixture.eventually(() -> fixture.manager.vm(vm.id()).message().contains("spawner is away"), "one try fails");
        fixture.timing.advance(Duration.ofSeconds(2));
        fixture.awaitState(vm.id(), VmState.RUNNING);
        assertThat(fixture.host.created()).isEqualTo(2);
        assertThat(fixture.manager.vm(vm.id()).restarts()).isEqualTo(2);
    }

    @Test
    void aStopEndsTheWaitForARestart() {
        VmStatus vm = fixture.create(Fixture.agent("", policy(Restart.Policy.ALWAYS, 3), "exit", "1"));
        fixture.awaitState(vm.id(), VmState.STARTING);
        assertThat(fixture.manager.vm(vm.id()).reason()).isEqualTo("Error");
        assertThat(fixture.manager.stop(vm.id()).state()).isEqualTo(VmState.STOPPED);
        fixture.timing.advance(Duration.ofMinutes(1));
        assertThat(fixture.state(vm.id())).isEqualTo(VmState.STOPPED);
    }

    @Test
    void aMachineThatEndsWhileARestartWaitsIsMadeAnew() {
        VmStatus vm = fixture.create(Fixture.agent(
                "", policy(Restart.Policy.ALWAYS, 3), "sh", "-c", "test -e /tmp/x && sleep 1000; exit 1"));
        fixture.awaitState(vm.id(), VmState.STARTING);
        fixture.host.vm(vm.id()).crash();
        Fixture.eventually(() -> fixture.host.ids().isEmpty(), "its remains are removed");
        fixture.timing.advance(Duration.ofSeconds(1));
        Fixture.eventually(() -> fixture.host.created() == 2, "a new machine");
    }

    @Test
    void tooMuchMemoryIsARestart() {
        Restart restart = new Restart(
                Restart.Policy.ON_FAILURE,
                3,
                Duration.ofMinutes(1),
                Duration.ofSeconds(1),
                Duration.ofMinutes(1),
                OptionalLong.of(32L << 20));
        VmStatus vm = fixture.create(Fixture.agent("", restart, "sleep", "1000"));
        fixture.host.vm(vm.id()).setStats(memory(33L << 20));
        Fixture.eventually(
                () -> {
                    fixture.timing.advance(Duration.ofMillis(100));
                    return fixture.manager.vm(vm.id()).reason().equals("MemoryExceeded");
                },
                "it is restarted");
        fixture.host.vm(vm.id()).setStats(memory(1L << 20));
        fixture.timing.advance(Duration.ofSeconds(1));
        fixture.awaitState(vm.id(), VmState.RUNNING);
        assertThat(fixture.manager.vm(vm.id()).restarts()).isEqualTo(1);
    }

    private static MachineStats memory(long bytes) {
        return new MachineStats(0, 0, bytes, bytes, 0, 1, 0, 0, 0, 0, 0, false);
    }

    private static Decision decide(Restart.Policy policy, boolean failure) {
        return RestartPolicy.decide(policy(policy, 5), failure, List.of(), NOW);
    }

    private static Restart policy(Restart.Policy policy, int most) {
        return new Restart(
                policy,
                most,
                Duration.ofMinutes(1),
                Duration.ofSeconds(1),
                Duration.ofMinutes(1),
                OptionalLong.empty());
    }
}
