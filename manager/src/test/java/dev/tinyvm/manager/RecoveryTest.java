package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.FakeEngine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.manager.Manager.CreateRequest;
import dev.tinyvm.manager.Manager.Deadline;
import dev.tinyvm.manager.Manager.Event;
import dev.tinyvm.manager.Manager.ResizeRequest;
import dev.tinyvm.manager.Manager.VmQuery;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Restart;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecoveryTest {
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
    void theNextManagerAdoptsWhatRunsWithItsLog() {
        String id = fixture.run("counter").id();
        long pid = fixture.manager.vm(id).hostPid();
        for (int round = 0; round < 5; round++) {
            int before = fixture.log(id).size();
            Fixture.eventually(() -> fixture.log(id).size() > before + 100, "it writes");
            fixture.reopen();
            assertThat(fixture.state(id)).isEqualTo(VmState.RUNNING);
            assertThat(fixture.manager.vm(id).hostPid()).isEqualTo(pid);
            assertThat(fixture.exec(id, "echo", "alive")).isEqualTo("alive\n");
        }
        fixture.manager.pause(id);
        List<String> log = fixture.log(id);
        assertThat(log)
                .containsExactlyElementsOf(IntStream.range(0, log.size())
                        .mapToObj(i -> "line " + i)
                        .toList());
        assertThat(fixture.host.created()).isEqualTo(1);
        assertThat(fixture.manager.host().cpuMillisPromised()).isEqualTo(500);
    }

    @Test
    void anEndBetweenTwoManagersIsSeenWithItsExitCodeAndLastWords() {
        fixture.host.program("last-words", self -> {
            self.sleep(Duration.ofMillis(300));
            self.out("goodbye");
            return 7;
        });
        String id = fixture.run("last-words").id();
        fixture.closeManager();
        Fixture.eventually(() -> fixture.host.vm(id).runningProcesses().isEmpty(), "it ends meanwhile");
        fixture.openAgain();
        VmStatus vm = fixture.manager.awaitEnd(id, Fixture.PATIENCE);
        assertThat(vm.state()).isEqualTo(VmState.FAILED);
        assertThat(vm.exitCode()).contains(7);
        assertThat(fixture.log(id)).containsExactly("goodbye");
        assertThat(fixture.host.ids()).isEmpty();
    }

    @Test
    void theRestartPolicyHoldsOverManagers() {
        Restart always = new Restart(
                Restart.Policy.ALWAYS,
                5,
                Duration.ofMinutes(1),
                Duration.ofSeconds(1),
                Duration.ofMinutes(1),
                OptionalLong.empty());
        String id = fixture.create(Fixture.agent("", always, "sleep", "1000")).id();
        fixture.closeManager();
        fixture.host.vm(id).crash();
        fixture.openAgain();
        fixture.awaitState(id, VmState.STARTING);
        assertThat(fixture.manager.vm(id).reason()).isEqualTo("MachineLost");
        fixture.timing.advance(Duration.ofSeconds(1));
        fixture.awaitState(id, VmState.RUNNING);
        assertThat(fixture.manager.vm(id).restarts()).isEqualTo(1);
        fixture.reopen();
        assertThat(fixture.manager.vm(id).restarts()).isEqualTo(1);
        fixture.manager.remove(id);
    }

    @Test
    void aPausedOneStaysPausedAndItsMainProcessIsTakenUpAtTheResume() {
        String id = fixture.run("counter").id();
        fixture.manager.pause(id);
        fixture.reopen();
        assertThat(fixture.state(id)).isEqualTo(VmState.PAUSED);
        assertThat(fixture.host.vm(id).frozen()).isTrue();
        int before = fixture.log(id).size();
        fixture.manager.resume(id);
        Fixture.eventually(() -> fixture.log(id).size() > before + 100, "it writes on");
        List<String> log = fixture.log(id);
        assertThat(log.getLast()).isEqualTo("line " + (log.size() - 1));
    }

    @Test
    void aStopThatWasUnderWayIsFinished() throws Exception {
        Mortal mortal = new Mortal(Integer.MAX_VALUE, true);
        dieAndComeBack(mortal, manager -> {
            String id = manager.create(CreateRequest.of(impatient("stopper", "stubborn")))
                    .id();
            Fixture.eventually(
                    () -> fixture.host.vm(id).runningProcesses().size() == 1
                            && manager.vm(id).state() == VmState.RUNNING,
                    "it runs");
            Thread.startVirtualThread(() -> manager.stop(id));
            Fixture.eventually(() -> manager.vm(id).state() == VmState.STOPPING, "it stops");
            mortal.die();
        });
        assertThat(fixture.state("stopper")).isIn(VmState.STOPPING, VmState.STOPPED);
        assertThat(fixture.manager.awaitEnd("stopper", Fixture.PATIENCE).reason())
                .isEqualTo("StoppedByUser");
        assertThat(fixture.host.ids()).isEmpty();
    }

    @Test
    void theQueueKeepsItsOrder() {
        String big = fixture.create(Fixture.agent("big", Fixture.size(4_000, 64), Fixture.NO_RESTART, Optional.empty()))
                .id();
        String first = fixture.create(
                        Fixture.agent("first", Fixture.size(3_000, 64), Fixture.NO_RESTART, Optional.empty()))
                .id();
        String second = fixture.create(
                        Fixture.agent("second", Fixture.size(2_000, 64), Fixture.NO_RESTART, Optional.empty()))
                .id();
        fixture.reopen();
        assertThat(fixture.manager.vm(first).message()).contains("first of 2");
        assertThat(fixture.manager.vm(second).message()).contains("number 2 of 2");
        fixture.manager.remove(big);
        fixture.awaitState(first, VmState.RUNNING);
        assertThat(fixture.state(second)).isEqualTo(VmState.PENDING);
    }

    @Test
    void attachedOnesGoWithTheirManager() {
        Agent agent = Fixture.agent("guest", Fixture.NO_RESTART);
        String id = fixture.manager
                .create(new CreateRequest(agent, "", "", true, true, Map.of(), Optional.empty()))
                .id();
        fixture.reopen();
        assertThat(fixture.manager.vms(VmQuery.ALL).items()).isEmpty();
        assertThat(fixture.host.ids()).isEmpty();
        assertThat(fixture.eventTypes(id)).contains("vm.removed");
        assertThat(fixture.events()).extracting(Event::type).doesNotContain("leftover.removed");
    }

    @Test
    void whatNobodyOwnsIsRemovedAndReported() throws Exception {
        fixture.engine.create(new MachineSpec("stray", "host", Resources.DEFAULT, List.of(), "stray", ""));
        Path log = Files.createDirectories(data.resolve("logs/straylog"));
        Files.writeString(log.resolve("0000000001.log"), "x\n");
        fixture.reopen();
        assertThat(fixture.host.ids()).isEmpty();
        assertThat(log).doesNotExist();
        assertThat(fixture.events().stream()
                        .filter(e -> e.type().equals("leftover.removed"))
                        .map(Event::attributes))
                .containsExactlyInAnyOrder(Map.of("machine", "stray"), Map.of("log", "straylog"));
    }

    @Test
    void sizesTagsAndDeadlinesComeBack() {
        String id = fixture.run("sleep", "1000").id();
        fixture.manager.resize(id, new ResizeRequest(Optional.of(700), Optional.of(80L << 20), Optional.of(20)));
        fixture.manager.setTags(id, Map.of("door", "e2b"));
        fixture.manager.setDeadline(
                id, Optional.of(new Deadline(fixture.timing.now().plusSeconds(60), Deadline.Action.PAUSE)));
        VmStatus before = fixture.manager.vm(id);
        fixture.reopen();
        assertThat(fixture.manager.vm(id)).isEqualTo(before);
        fixture.closeManager();
        fixture.timing.advance(Duration.ofMinutes(5));
        fixture.openAgain();
        fixture.awaitState(id, VmState.PAUSED);
    }

    @Test
    void eventsKeysAgentsAndTheSavedListComeBack() {
        Manager.CreatedKey key = fixture.manager.createKey("laptop");
        fixture.manager.apply(Fixture.agent("worker", Fixture.NO_RESTART, "sleep", "1000"));
        fixture.manager.awaitEnd(fixture.run("true").id(), Fixture.PATIENCE);
        assertThat(fixture.manager.save()).contains("worker");
        fixture.manager.removeAgent("worker");
        List<Event> before = fixture.events();
        fixture.reopen();
        assertThat(fixture.events()).startsWith(before.toArray(Event[]::new));
        assertThat(fixture.manager.authenticate(key.secret()))
                .map(Manager.KeyInfo::name)
                .contains("laptop");
        assertThat(fixture.manager.agents()).isEmpty();
        assertThat(fixture.manager.resurrect()).containsExactly("worker");
        assertThat(fixture.manager.resurrect()).isEmpty();
        assertThat(fixture.manager.agent("worker").running()).isEqualTo(1);
    }

    @Test
    void killedAtEveryWriteNothingIsLostOrLeaked() throws Exception {
        int total = writesOfTheScript();
        assertThat(total).isGreaterThan(8);
        for (int write = 1; write <= total; write++) {
            for (boolean before : new boolean[] {true, false}) {
                fixture.close();
                fixture = new Fixture(data.resolve(write + "-" + before));
                Mortal mortal = new Mortal(write, before);
                List<String> acknowledged = new ArrayList<>();
                dieAndComeBack(mortal, manager -> script(manager, acknowledged));
                checkConsistent(acknowledged, "killed " + (before ? "before" : "after") + " write " + write);
            }
        }
    }

    private int writesOfTheScript() throws Exception {
        Mortal mortal = new Mortal(Integer.MAX_VALUE, true);
        dieAndComeBack(mortal, manager -> {
            script(manager, new ArrayList<>());
            mortal.die();
        });
        return mortal.writes();
    }

    /** Each step one after another; what returned is noted. */
    private void script(Manager manager, List<String> acknowledged) {
        String a = manager.create(CreateRequest.of(Fixture.agent("a", Fixture.NO_RESTART, "counter")))
                .id();
        note(acknowledged, "created a");
        manager.pause(a);
        note(acknowledged, "paused a");
        manager.resume(a);
        note(acknowledged, "resumed a");
        manager.create(CreateRequest.of(Fixture.agent("b", Fixture.NO_RESTART)));
        note(acknowledged, "created b");
        manager.resize("b", new ResizeRequest(Optional.of(900), Optional.empty(), Optional.empty()));
        note(acknowledged, "resized b");
        manager.stop("b");
        note(acknowledged, "stopped b");
        manager.start("b");
        note(acknowledged, "started b");
        manager.apply(new Agent(
                Fixture.agent("team", Fixture.NO_RESTART).metadata(),
                Fixture.agent("team", Fixture.NO_RESTART, "sleep", "1000")
                        .spec()
                        .withReplicas(2)));
        note(acknowledged, "applied team");
        manager.remove("b");
        note(acknowledged, "removed b");
        manager.removeAgent("team");
        note(acknowledged, "removed team");
    }

    private static void note(List<String> acknowledged, String what) {
        synchronized (acknowledged) {
            acknowledged.add(what);
        }
    }

    private void checkConsistent(List<String> noted, String when) {
        List<String> acknowledged;
        synchronized (noted) {
            acknowledged = List.copyOf(noted);
        }
        Manager manager = fixture.manager;
        Fixture.eventually(
                () -> manager.vms(VmQuery.ALL).items().stream()
                        .noneMatch(v -> v.state() == VmState.STARTING || v.state() == VmState.STOPPING),
                () -> when + ": settled, " + manager.vms(VmQuery.ALL));
        Fixture.eventually(
                () -> {
                    List<VmStatus> vms = manager.vms(VmQuery.ALL).items();
                    List<String> live = vms.stream()
                            .filter(v -> v.state().live())
                            .map(VmStatus::id)
                            .sorted()
                            .toList();
                    return live.equals(fixture.host.ids().stream().sorted().toList())
                            && manager.host().cpuMillisPromised()
                                    == vms.stream()
                                            .filter(v -> v.state().live())
                                            .mapToInt(v -> v.descriptor()
                                                    .spec()
                                                    .resources()
                                                    .cpuMillis())
                                            .sum();
                },
                () -> when + ": machines " + fixture.host.ids() + " are those of " + manager.vms(VmQuery.ALL));
        if (acknowledged.contains("created a")) {
            String a = manager.vm("a").id();
            if (manager.vm("a").state() == VmState.PAUSED) {
                manager.resume("a");
            }
            assertThat(fixture.state(a)).as(when).isEqualTo(VmState.RUNNING);
            Fixture.eventually(() -> fixture.log(a).size() > 200, when + ": a writes on");
            List<String> log = fixture.log(a);
            assertThat(log.getLast()).as(when).isEqualTo("line " + (log.size() - 1));
        }
        if (acknowledged.contains("resized b") && !acknowledged.contains("stopped b")) {
            assertThat(manager.vm("b").descriptor().spec().resources().cpuMillis())
                    .as(when)
                    .isEqualTo(900);
        }
        if (acknowledged.contains("applied team") && !acknowledged.contains("removed b")) {
            assertThat(manager.agent("team").running()).as(when).isEqualTo(2);
        }
        if (acknowledged.contains("removed b")) {
            assertThat(manager.vms(VmQuery.ALL).items())
                    .as(when)
                    .noneMatch(v -> v.name().equals("b"));
        }
        if (manager.agents().isEmpty()) {
            assertThat(manager.vms(VmQuery.ALL).items())
                    .as(when)
                    .noneMatch(v -> v.agent().equals("team"));
        } else {
            Fixture.eventually(
                    () -> manager.agent("team").running() == 2,
                    () -> when + ": the team is complete, "
                            + manager.agent("team").vms());
        }
    }

    /** Runs work with a manager that dies, then brings the next one up over the same host and directory. */
    private void dieAndComeBack(Mortal mortal, Work work) throws Exception {
        fixture.closeManager();
        FakeEngine doomed = new FakeEngine(fixture.host);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread worker = Thread.ofVirtual().start(() -> {
            try {
                work.with(fixture.open(mortal.wrap(doomed), mortal));
            } catch (Exception | AssertionError e) {
                failure.set(e);
                mortal.die();
            }
        });
        boolean died = false;
        while (!died && worker.isAlive()) {
            died = mortal.death().await(20, TimeUnit.MILLISECONDS);
        }
        mortal.die();
        mortal.awaitLastLogWrites();
        doomed.close();
        if (failure.get() != null) {
            throw new AssertionError(failure.get());
        }
        fixture.openAgain();
    }

    @Test
    void aProcessTaggedMainIsNotConfusedWithAnEarlierOne() {
        Restart always = new Restart(
                Restart.Policy.ALWAYS,
                100,
                Duration.ofMinutes(1),
                Duration.ofMillis(10),
                Duration.ofMillis(10),
                OptionalLong.empty());
        String id = fixture.create(Fixture.agent("", always, "echo", "round")).id();
        for (int i = 1; i <= 3; i++) {
            int restarts = 5 * i;
            Fixture.eventually(
                    () -> {
                        fixture.timing.advance(Duration.ofMillis(10));
                        return fixture.manager.vm(id).restarts() >= restarts;
                    },
                    "restart " + i);
            fixture.reopen();
            Fixture.eventually(
                    () -> {
                        fixture.timing.advance(Duration.ofMillis(10));
                        return fixture.manager.vm(id).restarts() > restarts;
                    },
                    "it goes on");
            int now = fixture.manager.vm(id).restarts();
            assertThat(fixture.log(id).size()).isBetween(now - 1, now + 1);
        }
    }

    private static Agent impatient(String name, String... command) {
        Agent agent = Fixture.agent(name, Fixture.NO_RESTART, command);
        return new Agent(
                agent.metadata(),
                agent.spec().change().stopGracePeriod(Duration.ofMillis(500)).build());
    }

    private interface Work {
        void with(HostManager manager) throws Exception;
    }
}
