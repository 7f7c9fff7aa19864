package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.FakePorts;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.MachineStats;
import dev.tinyvm.manager.Manager.CreateRequest;
import dev.tinyvm.manager.Manager.Deadline;
import dev.tinyvm.manager.Manager.Page;
import dev.tinyvm.manager.Manager.ResizeRequest;
import dev.tinyvm.manager.Manager.VmQuery;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.AgentSpec;
import dev.tinyvm.spec.EngineChoice;
import dev.tinyvm.spec.Volume;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LifeCycleTest {
    @TempDir
    Path data;

    private Fixture fixture;
    private Manager manager;

    @BeforeEach
    void open() {
        fixture = new Fixture(data);
        manager = fixture.manager;
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void withoutACommandItRunsUntilItIsStopped() {
        VmStatus vm = fixture.run();
        assertThat(vm.state()).isEqualTo(VmState.RUNNING);
        assertThat(vm.hostPid()).isPositive();
        assertThat(vm.engine()).isEqualTo("container");
        assertThat(vm.startedAt()).isPresent();
        assertThat(fixture.exec(vm.id(), "echo", "hello")).isEqualTo("hello\n");
        VmStatus stopped = manager.stop(vm.id());
        assertThat(stopped.state()).isEqualTo(VmState.STOPPED);
        assertThat(stopped.reason()).isEqualTo("StoppedByUser");
        assertThat(fixture.host.ids()).isEmpty();
        assertThat(manager.host().cpuMillisPromised()).isZero();
        assertThat(manager.stop(vm.id()).state()).isEqualTo(VmState.STOPPED);
    }

    @Test
    void aCompletedMainProcessEndsIt() {
        VmStatus vm = manager.awaitEnd(fixture.run("echo", "done").id(), Fixture.PATIENCE);
        assertThat(vm.state()).isEqualTo(VmState.STOPPED);
        assertThat(vm.reason()).isEqualTo("Completed");
        assertThat(vm.exitCode()).contains(0);
        assertThat(vm.endedAt()).isPresent();
        assertThat(fixture.log(vm.id())).containsExactly("done");
        assertThat(fixture.host.ids()).isEmpty();
        assertThat(manager.host().memoryBytesPromised()).isZero();
    }

    @Test
    void aFailedMainProcessIsAnErrorWithItsExitCode() {
        VmStatus vm = manager.awaitEnd(fixture.run("exit", "3").id(), Fixture.PATIENCE);
        assertThat(vm.state()).isEqualTo(VmState.FAILED);
        assertThat(vm.reason()).isEqualTo("Error");
        assertThat(vm.exitCode()).contains(3);
        assertThat(vm.message()).contains("3");
        VmStatus killed = manager.awaitEnd(fixture.run("die", "11").id(), Fixture.PATIENCE);
        assertThat(killed.reason()).isEqualTo("Error");
        assertThat(killed.signal()).contains(11);
    }

    @Test
    void aMainProcessKilledForMemoryIsOomKilled() {
        VmStatus vm = manager.awaitEnd(fixture.run("oom").id(), Fixture.PATIENCE);
        assertThat(vm.state()).isEqualTo(VmState.FAILED);
        assertThat(vm.reason()).isEqualTo("OOMKilled");
        assertThat(vm.signal()).contains(9);
        assertThat(manager.awaitEnd(fixture.run("die", "9").id(), Fixture.PATIENCE)
                        .reason())
                .isEqualTo("Error");
        assertThat(manager.awaitEnd(fixture.run("oom-machine").id(), Fixture.PATIENCE)
                        .reason())
                .isEqualTo("OOMKilled");
        assertThat(manager.awaitEnd(fixture.run("crash-machine").id(), Fixture.PATIENCE)
                        .reason())
                .isEqualTo("MachineLost");
    }

    @Test
    void aMissingProgramIsExitCode127AndNamed() {
        VmStatus vm = fixture.run("no-such-program");
        assertThat(vm.state()).isEqualTo(VmState.FAILED);
        assertThat(vm.exitCode()).contains(127);
        assertThat(vm.message()).contains("no-such-program");
        assertThat(fixture.host.ids()).isEmpty();
    }

    @Test
    void aCreateThatFailsLeavesNothingAndFreesItsName() {
        fixture.host.failNextCreate(new EngineException(EngineException.Code.IMAGE, "the image is broken"));
        Agent agent = Fixture.agent("tried", Fixture.NO_RESTART);
        assertCode(Code.IMAGE, () -> fixture.create(agent), "the image is broken");
        assertThat(manager.vms(VmQuery.ALL).items()).isEmpty();
        assertThat(manager.host().cpuMillisPromised()).isZero();
        assertThat(fixture.create(agent).state()).isEqualTo(VmState.RUNNING);
    }

    @Test
    void idsAndNamesAreUnique() {
        Agent agent = Fixture.agent("only", Fixture.NO_RESTART);
        VmStatus vm = fixture.create(agent);
        assertThat(manager.vm("only").id()).isEqualTo(vm.id());
        assertCode(Code.CONFLICT, () -> fixture.create(agent), "already a Tiny VM only");
        Agent other = Fixture.agent("other", Fixture.NO_RESTART);
        assertCode(
                Code.CONFLICT,
                () -> manager.create(new CreateRequest(other, vm.id(), "", true, false, Map.of(), Optional.empty())),
                vm.id());
        assertCode(
                Code.INVALID,
                () -> manager.create(new CreateRequest(other, "Bad", "", true, false, Map.of(), Optional.empty())),
                "8 to 32");
        assertCode(Code.NOT_FOUND, () -> manager.vm("nobody"), "tinyvm ps");
    }

    @Test
    void theSameIdempotencyKeyGetsTheSameTinyVm() {
        Agent agent = Fixture.agent("", Fixture.NO_RESTART);
        CreateRequest request = new CreateRequest(agent, "", "key-1", true, false, Map.of(), Optional.empty());
        VmStatus first = manager.create(request);
        assertThat(manager.create(request).id()).isEqualTo(first.id());
        Agent different = Fixture.agent("", Fixture.NO_RESTART, "sleep", "1000");
        assertCode(
                Code.CONFLICT,
                () -> manager.create(
                        new CreateRequest(different, "", "key-1", true, false, Map.of(), Optional.empty())),
                "key-1");
        fixture.reopen();
        assertThat(fixture.manager.create(request).id()).isEqualTo(first.id());
        fixture.manager.remove(first.id());
        assertCode(Code.GONE, () -> fixture.manager.create(request), "removed");
        assertThat(fixture.host.created()).isEqualTo(1);
    }

    @Test
    void aPausedOneIsFrozenAndRefusesWorkUntilItIsResumed() {
        VmStatus vm = fixture.run("sleep", "1000");
        assertThat(manager.pause(vm.id()).state()).isEqualTo(VmState.PAUSED);
        assertThat(fixture.host.vm(vm.id()).frozen()).isTrue();
        assertCode(Code.CONFLICT, () -> manager.exec(vm.id(), ExecRequest.of("true")), "resume it first");
        assertCode(Code.CONFLICT, () -> manager.files(vm.id()), "is paused");
        assertThat(manager.stats(vm.id()).machine().frozen()).isTrue();
        assertThat(manager.pause(vm.id()).state()).isEqualTo(VmState.PAUSED);
        assertThat(manager.resume(vm.id()).state()).isEqualTo(VmState.RUNNING);
        assertThat(fixture.host.vm(vm.id()).frozen()).isFalse();
        assertThat(fixture.exec(vm.id(), "echo", "awake")).isEqualTo("awake\n");
        manager.pause(vm.id());
        assertThat(manager.stop(vm.id()).state()).isEqualTo(VmState.STOPPED);
        assertCode(Code.CONFLICT, () -> manager.pause(vm.id()), "is stopped; start it first");
        assertCode(Code.CONFLICT, () -> manager.resume(vm.id()), "is stopped");
    }

    @Test
    void startedAgainItIsAFreshMachine() {
        VmStatus vm = fixture.run();
        fixture.exec(vm.id(), "touch", "/tmp/mark");
        manager.stop(vm.id());
        VmStatus again = manager.start(vm.id());
        assertThat(again.state()).isEqualTo(VmState.RUNNING);
        assertThat(again.reason()).isEmpty();
        assertThat(fixture.host.vm(vm.id()).files().exists("/tmp/mark")).isFalse();
        assertThat(manager.start(vm.id()).state()).isEqualTo(VmState.RUNNING);
        long pid = again.hostPid();
        assertThat(manager.restart(vm.id()).hostPid()).isNotEqualTo(pid);
    }

    @Test
    void aStubbornOneCanBeRemovedWhileItStops() {
        VmStatus vm = fixture.run("stubborn");
        Fixture.eventually(() -> fixture.log(vm.id()).contains("ready"), "it is ready");
        Thread stop = Thread.startVirtualThread(() -> {
            try {
                manager.stop(vm.id());
            } catch (ManagerException e) {
                assertThat(e.code()).isEqualTo(Code.GONE);
            }
        });
        fixture.awaitState(vm.id(), VmState.STOPPING);
        manager.remove(vm.id());
        Fixture.eventually(() -> !stop.isAlive(), "the stop returns");
        assertThat(fixture.host.ids()).isEmpty();
        assertThat(data.resolve("logs").resolve(vm.id())).doesNotExist();
    }

    @Test
    void itCanBeRemovedInEveryState() {
        String running = fixture.run("sleep", "1000").id();
        String paused = manager.pause(fixture.run().id()).id();
        String ended =
                manager.awaitEnd(fixture.run("true").id(), Fixture.PATIENCE).id();
        String big = fixture.create(Fixture.agent("big", Fixture.size(4_000, 64), Fixture.NO_RESTART, Optional.empty()))
                .id();
        assertThat(fixture.state(big)).isEqualTo(VmState.PENDING);
        for (String id : List.of(big, running, paused, ended)) {
            manager.remove(id);
            assertCode(Code.NOT_FOUND, () -> manager.vm(id), id);
        }
        assertThat(fixture.host.ids()).isEmpty();
        assertThat(manager.host().cpuMillisPromised()).isZero();
        assertThat(manager.host().vmsPending()).isZero();
    }

    @Test
    void stopDuringStartingWaitsForTheMachineAndRemovesIt() {
        fixture.host.holdCreates();
        Agent agent = Fixture.agent("slow", Fixture.NO_RESTART);
        Thread create = Thread.startVirtualThread(() -> fixture.create(agent));
        Fixture.eventually(
                () -> manager.vms(VmQuery.ALL).items().stream().anyMatch(v -> v.state() == VmState.STARTING),
                "it starts");
        Thread stop = Thread.startVirtualThread(() -> manager.stop("slow"));
        fixture.host.releaseCreates();
        Fixture.eventually(() -> !stop.isAlive() && !create.isAlive(), "both return");
        assertThat(fixture.state("slow")).isEqualTo(VmState.STOPPED);
        assertThat(fixture.host.ids()).isEmpty();
    }

    @Test
    void theNinthWaitsWithTheReasonAndRunsWhenOneEnds() {
        for (int i = 0; i < 8; i++) {
            fixture.run();
        }
        VmStatus ninth = fixture.run();
        assertThat(ninth.state()).isEqualTo(VmState.PENDING);
        assertThat(ninth.reason()).isEqualTo("InsufficientCpu");
        assertThat(ninth.message()).isEqualTo("needs 0.5 cores; 0 of 4 are free; first of 1 in the queue");
        Agent agent = Fixture.agent("", Fixture.NO_RESTART);
        assertCode(
                Code.NO_CAPACITY,
                () -> manager.create(new CreateRequest(agent, "", "", false, false, Map.of(), Optional.empty())),
                "InsufficientCpu");
        assertCode(
                Code.NEVER_FITS,
                () -> fixture.create(Fixture.agent("", Fixture.size(4_100, 64), Fixture.NO_RESTART, Optional.empty())),
                "4.1 cores, and this host promises 4 cores");
        manager.remove(manager.vms(VmQuery.ALL).items().getFirst().id());
        fixture.awaitState(ninth.id(), VmState.RUNNING);
        assertThat(manager.host().cpuMillisPromised()).isEqualTo(4_000);
    }

    @Test
    void stoppingAQueuedOneTakesItOutOfTheQueue() {
        fixture.create(Fixture.agent("", Fixture.size(4_000, 64), Fixture.NO_RESTART, Optional.empty()));
        VmStatus queued = fixture.run();
        assertThat(manager.stop(queued.id()).state()).isEqualTo(VmState.STOPPED);
        assertThat(manager.host().vmsPending()).isZero();
        assertThat(manager.start(queued.id()).state()).isEqualTo(VmState.PENDING);
    }

    @Test
    void aLiveOneIsResizedWithinTheCapacity() {
        VmStatus vm = fixture.run();
        VmStatus larger = manager.resize(
                vm.id(), new ResizeRequest(Optional.of(2_000), Optional.of(128L << 20), Optional.empty()));
        assertThat(larger.descriptor().spec().resources().cpuMillis()).isEqualTo(2_000);
        assertThat(fixture.host.vm(vm.id()).resources().cpuMillis()).isEqualTo(2_000);
        assertThat(manager.host().cpuMillisPromised()).isEqualTo(2_000);
        fixture.create(Fixture.agent("", Fixture.size(2_000, 64), Fixture.NO_RESTART, Optional.empty()));
        assertCode(
                Code.NO_CAPACITY,
                () -> manager.resize(
                        vm.id(), new ResizeRequest(Optional.of(2_100), Optional.empty(), Optional.empty())),
                "0 of 4 are free");
        assertCode(
                Code.INVALID,
                () -> manager.resize(vm.id(), new ResizeRequest(Optional.of(150), Optional.empty(), Optional.empty())),
                "0.1");
        fixture.host.vm(vm.id()).setStats(new MachineStats(0, 0, 100L << 20, 100L << 20, 0, 1, 0, 0, 0, 0, 0, false));
        assertCode(
                Code.NO_CAPACITY,
                () -> manager.resize(
                        vm.id(), new ResizeRequest(Optional.empty(), Optional.of(64L << 20), Optional.empty())),
                "uses");
        assertThat(manager.vm(vm.id()).descriptor().spec().resources().memoryBytes())
                .isEqualTo(128L << 20);
        manager.resize(vm.id(), new ResizeRequest(Optional.of(100), Optional.empty(), Optional.empty()));
        assertThat(manager.host().cpuMillisPromised()).isEqualTo(2_100);
    }

    @Test
    void deadlinesPauseAndRemove() {
        VmStatus vm = fixture.run("sleep", "1000");
        manager.setDeadline(
                vm.id(), Optional.of(new Deadline(fixture.timing.now().plusSeconds(60), Deadline.Action.PAUSE)));
        fixture.timing.advance(Duration.ofSeconds(59));
        assertThat(fixture.state(vm.id())).isEqualTo(VmState.RUNNING);
        fixture.timing.advance(Duration.ofSeconds(1));
        fixture.awaitState(vm.id(), VmState.PAUSED);
        assertThat(manager.vm(vm.id()).deadline()).isEmpty();
        manager.setDeadline(
                vm.id(), Optional.of(new Deadline(fixture.timing.now().plusSeconds(60), Deadline.Action.REMOVE)));
        fixture.timing.advance(Duration.ofSeconds(60));
        Fixture.eventually(() -> manager.vms(VmQuery.ALL).items().isEmpty(), "it is removed");
        assertThat(fixture.host.ids()).isEmpty();
    }

    @Test
    void signalsReachProcessesByTheirNumber() throws Exception {
        VmStatus vm = fixture.run();
        try (GuestProcess sleep = manager.exec(vm.id(), ExecRequest.of("sleep", "1000"))) {
            assertThat(manager.processes(vm.id())).hasSize(1);
            manager.signal(vm.id(), sleep.processId(), 15);
            assertThat(sleep.next())
                    .isInstanceOfSatisfying(
                            Output.Exited.class, e -> assertThat(e.signal()).isEqualTo(15));
        }
        assertCode(Code.NOT_FOUND, () -> manager.signal(vm.id(), 99, 15), "99");
        assertCode(
                Code.INVALID,
                () -> manager.exec(
                        vm.id(), new ExecRequest(List.of("true"), Map.of(), "", "", Optional.empty(), false, "main")),
                "main");
    }

    @Test
    void execGetsTheDescriptorsEnvironmentAndDialReachesPorts() throws Exception {
        VmStatus vm = fixture.run();
        assertThat(fixture.exec(vm.id(), "env")).contains("MODE=fast");
        FakePorts ports = fixture.host.vm(vm.id()).ports();
        try (AutoCloseable listener = ports.listenInside(80, connection -> {
                    try (connection) {
                        connection.output().write('x');
                        connection.output().close();
                    } catch (java.io.IOException e) {
                        throw new java.io.UncheckedIOException(e);
                    }
                });
                var connection = manager.dial(vm.id(), 80)) {
            assertThat(listener).isNotNull();
            assertThat(connection.input().read()).isEqualTo('x');
        }
        assertCode(Code.NOT_FOUND, () -> manager.dial(vm.id(), 81), "81");
    }

    @Test
    void pagesAndFiltersGoThroughAllInOrder() {
        for (int i = 0; i < 5; i++) {
            fixture.create(Fixture.agent("vm" + i, Fixture.size(100, 16), Fixture.NO_RESTART, Optional.empty()));
        }
        Page<VmStatus> first = manager.vms(new VmQuery(Map.of("team", "test"), List.of(), "", "", 3));
        assertThat(first.items()).extracting(VmStatus::name).containsExactly("vm0", "vm1", "vm2");
        Page<VmStatus> second = manager.vms(new VmQuery(Map.of(), List.of(), "", first.nextToken(), 3));
        assertThat(second.items()).extracting(VmStatus::name).containsExactly("vm3", "vm4");
        assertThat(second.nextToken()).isEmpty();
        assertThat(manager.vms(new VmQuery(Map.of("team", "other"), List.of(), "", "", 3))
                        .items())
                .isEmpty();
        assertThat(manager.vms(new VmQuery(Map.of(), List.of(VmState.STOPPED), "", "", 3))
                        .items())
                .isEmpty();
        assertCode(Code.INVALID, () -> manager.vms(new VmQuery(Map.of(), List.of(), "", "?", 3)), "token");
    }

    @Test
    void onlyTheNewestEndedOnesAreKept() {
        fixture.close();
        ManagerSettings s = fixture.settings;
        fixture = new Fixture(
                data.resolve("small"),
                new ManagerSettings(
                        s.version(),
                        s.capacityCpuMillis(),
                        s.capacityMemoryBytes(),
                        16,
                        2,
                        List.of(),
                        s.logs(),
                        s.ledger(),
                        s.checkpointBytes(),
                        2,
                        100));
        for (int i = 0; i < 5; i++) {
            String id = fixture.run("echo", "hi").id();
            fixture.manager.awaitEnd(id, Fixture.PATIENCE);
        }
        Fixture.eventually(() -> fixture.manager.vms(VmQuery.ALL).items().size() == 2, "three were forgotten");
        Fixture.eventually(
                () -> {
                    try (var logs = Files.list(fixture.data.resolve("logs"))) {
                        return logs.count() == 2;
                    }
                },
                "their logs are gone");
    }

    @Test
    void volumesMustBeAllowed() throws Exception {
        Path allowed = Files.createDirectories(data.resolve("allowed/inner"));
        Path secret = Files.createDirectories(data.resolve("secret"));
        Path link = Files.createSymbolicLink(allowed.resolve("link"), secret);
        List<String> roots = List.of(data.resolve("allowed").toString());
        VmChecks.volumes(List.of(new Volume(allowed.toString(), "/x", true)), roots);
        for (String path : List.of(secret.toString(), link.toString(), allowed + "/../../secret", data + "/allowed2")) {
            assertCode(
                    Code.MOUNT, () -> VmChecks.volumes(List.of(new Volume(path, "/x", true)), roots), "does not allow");
        }
    }

    @Test
    void anEngineThatThisHostLacksIsRefusedWithTheRemedy() {
        AgentSpec spec = Fixture.agent("", Fixture.NO_RESTART).spec();
        AgentSpec gvisor = spec.change().engine(EngineChoice.GVISOR).build();
        assertCode(
                Code.UNAVAILABLE,
                () -> fixture.create(
                        new Agent(Fixture.agent("", Fixture.NO_RESTART).metadata(), gvisor)),
                "engine: auto");
    }

    @Test
    void statisticsGiveTheCoresInUse() {
        VmStatus vm = fixture.run();
        assertThat(manager.stats(vm.id()).cpuCores()).isZero();
        assertThat(manager.allStats()).hasSize(1);
        manager.stop(vm.id());
        assertCode(Code.CONFLICT, () -> manager.stats(vm.id()), "stopped");
        assertThat(manager.allStats()).isEmpty();
    }

    @Test
    void aManagerThatShutsDownRefusesNewWorkAndStopsWhatItIsTold() {
        VmStatus vm = fixture.run("sleep", "1000");
        manager.shutdown(true);
        assertThat(fixture.state(vm.id())).isEqualTo(VmState.STOPPED);
        assertThat(manager.vm(vm.id()).reason()).isEqualTo("ManagerShutdown");
        assertCode(Code.UNAVAILABLE, () -> fixture.run(), "shutting down");
        assertThat(fixture.host.ids()).isEmpty();
    }

    private static void assertCode(Code code, ThrowingCallable call, String message) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        ManagerException.class,
                        e -> assertThat(e.code()).as(e.getMessage()).isEqualTo(code))
                .hasMessageContaining(message);
    }
}
