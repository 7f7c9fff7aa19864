package dev.tinyvm.manager;

import dev.tinyvm.engine.CheckpointStore;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.Machine.MachineEnd;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.engine.MachineStats;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.VmActivity.Hold;
import dev.tinyvm.spec.AgentSpec;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The machine of a Tiny VM and the main process in it: starting, watching, restarting, ending. All in turns, except where it says so. */
@SuppressWarnings("ReferenceEquality") // Which machine or process it is, not how it looks.
final class VmRun {
    /** Tag of the descriptor's command. */
    static final String MAIN_TAG = "main";

    private static final Logger LOG = LoggerFactory.getLogger(VmRun.class);
    private static final Duration MEMORY_LOOK = Duration.ofSeconds(2);
    private static final Duration LAST_OUTPUT = Duration.ofSeconds(5);
    private static final int SIGTERM = 15;
    private static final int SIGKILL = 9;

    private final TinyVm vm;
    private final Shared shared;
    private final Turns turns;
    private final VmLog log;
    private final MachineMaker maker;
    private final Set<Integer> offered = new HashSet<>();
    private volatile @Nullable Machine machine;
    private volatile Optional<Boolean> healthy = Optional.empty();
    private volatile @Nullable MainProcess main;
    private volatile @Nullable HealthMonitor health;
    private Timing.@Nullable Alarm memoryAlarm;
    private Timing.@Nullable Alarm restartAlarm;
    private Timing.@Nullable Alarm killAlarm;
    private long oomKillsBefore;
    /** Why the manager itself ends the run, when it does. */
    private @Nullable Ending ownReason;
    /** Keeps it awake until its run has ended. */
    private @Nullable Hold ending;
    /** An end that was seen while frozen, dealt with at the resume. */
    private @Nullable Runnable afterResume;

    VmRun(TinyVm vm, Shared shared, Turns turns, VmLog log) {
        this.vm = vm;
        this.shared = shared;
        this.turns = turns;
        this.log = log;
        this.maker = new MachineMaker(shared);
    }

    /** For any thread. */
    @Nullable
    Machine machine() {
        return machine;
    }

    /** For any thread. */
    Optional<Boolean> healthy() {
        return healthy;
    }

    /** For any thread: false when it is not the main process. */
    boolean isMain(int processId) {
        MainProcess running = main;
        return running != null && running.run().processId() == processId;
    }

    boolean signalMain(int processId, int signal) {
        MainProcess running = main;
        if (running == null || running.run().processId() != processId) {
            return false;
        }
        running.signal(signal);
        return true;
    }

    /** The record with which a machine may be made. */
    VmRecord placed(VmRecord record, Engines.Choice choice) {
        // A record of an older version has no image yet.
        VmRecord.Placement before = record.placement().image().isEmpty()
                ? record.placement()
                        .withImage(VmChecks.image(
                                        shared.images(),
                                        record.descriptor().spec().image())
                                .machineImage())
                : record.placement();
        return record.withPlacement(before.next(choice.engine().kind().word(), choice.reason()))
                .withPhase(record.phase().with(VmState.STARTING, "", ""));
    }

    /** Capacity was granted to a queued one. */
    void admitted() {
        if (vm.gone() || vm.record().state() != VmState.PENDING) {
            shared.admission().release(vm.id());
            return;
        }
        try {
            vm.store(placed(vm.record(), shared.choose(vm.spec())), "", "");
        } catch (ManagerException e) {
            LOG.warn("could not start {}: {}", vm.record().name(), e.getMessage());
            VmRecord starting = vm.record().withPhase(vm.record().phase().with(VmState.STARTING, "", ""));
            vm.publish(starting);
            ended(Ending.failed(Ending.START_FAILED, String.valueOf(e.getMessage())));
            return;
        }
        makeMachineOrFail();
    }

    /**
     * Makes the first machine while its record is being stored, and starts the main process when both are done. Should the manager die between, the next one
     * finds a machine without a record and removes it.
     *
     * @param image as it was found before the record was stored
     * @param stored the record
     * @throws ManagerException when there is no machine, or no record; what was made is then for {@link #destroy}
     */
    void makeMachine(ImageCatalog.ImageInfo image, CompletableFuture<Void> stored) {
        VmRecord record = vm.record();
        try {
            Machine made = maker.make(record, image);
            machine = made;
            Store.await(stored);
            // Not removed meanwhile: from here on its removal sees the record.
            ImageCatalog.ImageInfo _ = maker.pinned(record);
            use(record, image, made);
        } catch (EngineException e) {
            throw Engines.translate("could not start " + record.name(), e);
        }
        startMain();
    }

    /** As {@link #makeMachine}; a failure is an end like others. */
    void makeMachineOrFail() {
        try {
            makeMachineRaw();
        } catch (ManagerException e) {
            ended(Ending.failed(Ending.START_FAILED, String.valueOf(e.getMessage())));
            return;
        } catch (EngineException e) {
            boolean hopeless = switch (e.code()) {
                case IMAGE, MOUNT, INVALID -> true;
                default -> false;
            };
            if (hopeless) {
                finish(VmState.FAILED, Ending.failed(Ending.START_FAILED, Engines.message(e)));
            } else {
                ended(Ending.failed(Ending.START_FAILED, Engines.message(e)));
            }
            return;
        }
        startMain();
    }

    /** The machine found by the next manager; its main process is attached to when it has one. */
    void adopt(Machine adopted) {
        machine = adopted;
        shared.metering().adopted(vm.record(), adopted);
        watch(adopted);
    }

    /** Starts the main process in the machine, or finds out how it ended. */
    void startMain() {
        Machine in = machine;
        if (in == null) {
            return;
        }
        AgentSpec spec = vm.spec();
        ownReason = null;
        if (spec.command().isEmpty()) {
            running(in);
            return;
        }
        GuestProcess process;
        try {
            process = in.exec(new ExecRequest(
                    spec.command(),
                    shared.offers().environment(vm.record()),
                    spec.workingDir(),
                    "",
                    Optional.empty(),
                    false,
                    MAIN_TAG));
        } catch (EngineException e) {
            switch (e.code()) {
                case NOT_FOUND, INVALID ->
                    finish(
                            VmState.FAILED,
                            Ending.commandNotStarted(e.code() == EngineException.Code.NOT_FOUND, Engines.message(e)));
                default -> ended(Ending.failed(Ending.START_FAILED, Engines.message(e)));
            }
            return;
        }
        follow(in, process);
        running(in);
    }

    /** Attaches to the main process of an adopted machine; starts one when there is none. */
    void attachMain() {
        Machine in = machine;
        if (in == null) {
            return;
        }
        openOffers(in);
        if (vm.spec().command().isEmpty()) {
            running(in);
            return;
        }
        try {
            Optional<ProcessInfo> newest = in.processes().stream()
                    .filter(p -> p.tag().equals(MAIN_TAG))
                    .max(Comparator.comparingInt(ProcessInfo::processId));
            if (newest.isEmpty()
                    || run(newest.get().processId())
                            .text()
                            .equals(vm.record().history().endedRun())) {
                startMain();
                return;
            }
            MainRun known = run(newest.get().processId());
            VmLog.Position from = log.resume(known);
            GuestProcess process = in.attach(known.processId(), orOldest(from.stdout()), orOldest(from.stderr()));
            main = new MainProcess(in, process, known, log, new MainListener());
            main.start();
            running(in);
        } catch (EngineException e) {
            LOG.warn(
                    "could not attach to the main process of {}: {}",
                    vm.record().name(),
                    e.getMessage());
            lost(in, Engines.message(e));
        } catch (IOException e) {
            LOG.warn("could not read the log of {}: {}", vm.record().name(), e.getMessage());
            lost(in, "its log could not be read: " + e.getMessage());
        }
    }

    /** A log that has nothing yet, as of a copy that goes on from a checkpoint, begins with what is kept. */
    private static long orOldest(long offset) {
        return offset == 0 ? Machine.OLDEST_KEPT : offset;
    }

    /** Attaches at the next resume: a frozen machine does not answer. */
    void attachAfterResume() {
        afterResume = this::attachMain;
    }

    /** It was thawed. */
    void resumed() {
        Runnable waiting = afterResume;
        afterResume = null;
        if (waiting != null) {
            waiting.run();
        }
        openNewOffers();
    }

    /** Ends it for its user; {@link TinyVm#stopFinished} tells when. */
    void stop(String reason, String message) {
        cancelAlarms();
        Ending ending = new Ending(false, reason, message, Optional.empty(), Optional.empty());
        if (vm.record().state() == VmState.PENDING) {
            finish(VmState.STOPPED, ending);
            return;
        }
        VmRecord record = vm.record();
        vm.store(record.withPhase(record.phase().with(VmState.STOPPING, reason, message)), "vm.stopping", message);
        Machine in = machine;
        if (in == null) {
            finish(VmState.STOPPED, ending);
            return;
        }
        MainProcess last = main;
        Duration grace = vm.spec().stopGracePeriod();
        Thread.ofVirtual().name(vm.id() + "-stop").start(() -> {
            try {
                in.shutdown(grace);
                if (last != null) {
                    last.awaitDone(LAST_OUTPUT);
                }
            } catch (EngineException e) {
                LOG.debug("shutting {} down: {}", in.id(), e.getMessage());
            } finally {
                turns.post(() -> {
                    if (!vm.gone() && vm.record().state() == VmState.STOPPING) {
                        finish(VmState.STOPPED, ending);
                    }
                });
            }
        });
    }

    /** Destroys the machine, if any. @param then runs when nothing is left */
    void destroy(Runnable then) {
        cancelAlarms();
        Machine in = machine;
        MainProcess last = main;
        if (in != null) {
            // The last chance to read its figures.
            vm.tellMeters();
        }
        vm.waiting().over();
        vm.routed().over();
        machine = null;
        main = null;
        healthy = Optional.empty();
        vm.letOpenProcessesGo();
        if (last != null) {
            last.close();
        }
        if (in == null) {
            then.run();
        } else {
            shared.metering().ended(vm.record(), in);
            shared.cleanup().destroy(vm.record(), in, then);
        }
    }

    /** For any thread: stops watching. */
    void letGo() {
        MainProcess last = main;
        if (last != null) {
            last.close();
        }
        HealthMonitor monitor = health;
        if (monitor != null) {
            monitor.stop();
        }
    }

    /** A machine that goes on from a checkpoint, and the main process in it. @throws ManagerException when there is no machine */
    void restoreMachine(CheckpointStore store, String checkpoint) {
        try {
            VmRecord record = vm.record();
            MachineSpec spec = maker.spec(record);
            shared.volumes().use(vm, vm.spec().volumes());
            take(record, store.restore(checkpoint, spec));
        } catch (EngineException e) {
            throw Engines.translate(
                    "could not restore " + vm.record().name() + " from the checkpoint " + checkpoint, e);
        }
        attachMain();
    }

    /** The link is about to be cut while the machine goes on: nothing that ends with it is the end of anything. */
    void unlink() {
        MainProcess last = main;
        main = null;
        stopHealth();
        if (memoryAlarm != null) {
            memoryAlarm.cancel();
            memoryAlarm = null;
        }
        vm.letOpenProcessesGo();
        if (last != null) {
            last.close();
        }
    }

    /** The machine has a new link, or the old one still. @param runs false: it is paused, the main process is attached to at the resume */
    void relink(Machine in, boolean runs) {
        machine = in;
        shared.metering().moved(vm.id(), in);
        watch(in);
        if (runs) {
            attachMain();
        } else {
            attachAfterResume();
        }
    }

    private void makeMachineRaw() {
        VmRecord record = vm.record();
        ImageCatalog.ImageInfo image = maker.pinned(record);
        shared.volumes().use(vm, vm.spec().volumes());
        use(record, image, maker.make(record, image));
    }

    /** Takes a new machine into use, or destroys it. */
    private void use(VmRecord record, ImageCatalog.ImageInfo image, Machine made) {
        maker.seed(record, image, made);
        try {
            vm.routed().requireFits(record);
            vm.routed().plug(made);
        } catch (EngineException | ManagerException e) {
            made.destroy();
            throw e;
        }
        take(record, made);
        openOffers(made);
    }

    private void take(VmRecord record, Machine made) {
        machine = made;
        shared.metering().made(record, made);
        oomKillsBefore = 0;
        watch(made);
    }

    /** What a machine of that record is made from. @throws EngineException {@code IMAGE} when its image is gone */
    MachineSpec machineSpec(VmRecord record) {
        return maker.spec(record);
    }

    private void openOffers(Machine in) {
        offered.clear();
        openMissing(in);
    }

    /** Ports that are offered since the descriptor was changed. A frozen guest cannot open them: it does when it is resumed. */
    void openNewOffers() {
        Machine in = machine;
        if (in != null && vm.record().state() == VmState.RUNNING) {
            openMissing(in);
        }
    }

    private void openMissing(Machine in) {
        shared.offers().open(in, vm.record(), offered, (port, reason) -> {
            LOG.warn("port {} cannot be offered in {}: {}", port, vm.record().name(), reason);
            vm.tell(
                    "vm.offer-failed",
                    "port " + port + " on its 127.0.0.1 cannot be offered: " + reason,
                    Map.of("port", Integer.toString(port)));
        });
    }

    private void watch(Machine watched) {
        CompletableFuture<Void> _ = watched.ended().thenAccept(end -> turns.post(() -> machineEnded(watched, end)));
    }

    private void follow(Machine in, GuestProcess process) {
        MainRun started = run(process.processId());
        try {
            log.resume(started);
        } catch (IOException e) {
            LOG.warn("the log of {} cannot be opened: {}", vm.record().name(), e.getMessage());
        }
        main = new MainProcess(in, process, started, log, new MainListener());
        main.start();
    }

    private void running(Machine in) {
        Instant now = Micros.exact(shared.timing().now());
        VmRecord record = vm.record();
        boolean again = record.state() == VmState.RUNNING;
        if (!again) {
            vm.storeLater(
                    record.withPhase(
                            record.phase().with(VmState.RUNNING, "", "").started(now)),
                    "vm.started",
                    "",
                    Map.of("engine", record.placement().engine(), "hostPid", Long.toString(in.hostPid())));
        }
        vm.waiting().running();
        vm.idle().begin();
        healthy = Optional.empty();
        vm.spec().health().ifPresent(check -> {
            health = new HealthMonitor(
                    shared.timing(),
                    check,
                    in,
                    shared.offers().environment(vm.record()),
                    () -> !runs(),
                    vm.waiting()::ownHold,
                    (monitor, trouble) -> turns.post(() -> healthResult(monitor, trouble)));
            health.start();
        });
        if (vm.spec().restart().maxMemoryBytes().isPresent()) {
            lookAtMemoryLater(in);
        }
    }

    private void healthResult(HealthMonitor monitor, Optional<String> trouble) {
        if (monitor != health || vm.gone() || !runs()) {
            return;
        }
        boolean before = healthy.orElse(true);
        healthy = Optional.of(trouble.isEmpty());
        if (trouble.isPresent()) {
            vm.tell("vm.unhealthy", trouble.get(), Map.of());
            endRun(Ending.failed(Ending.UNHEALTHY, "the health check failed: " + trouble.get()));
        } else if (!before) {
            vm.tell("vm.healthy", "", Map.of());
        }
    }

    /** Not paused, and not on the way to or from it. */
    private boolean runs() {
        VmState state = vm.record().state();
        return state == VmState.RUNNING || state == VmState.WAITING;
    }

    private void lookAtMemoryLater(Machine in) {
        memoryAlarm = shared.timing().after(MEMORY_LOOK, () -> turns.post(() -> lookAtMemory(in)));
    }

    private void lookAtMemory(Machine in) {
        if (vm.gone() || machine != in || vm.record().state() == VmState.STARTING || ownReason != null) {
            return;
        }
        long most = vm.spec().restart().maxMemoryBytes().orElse(Long.MAX_VALUE);
        try {
            long used = in.stats().memoryBytes();
            if (used > most && runs()) {
                endRun(Ending.failed(
                        Ending.MEMORY_EXCEEDED, "it used " + used + " bytes of memory; restart.maxMemory is " + most));
                return;
            }
        } catch (EngineException e) {
            LOG.debug("no statistics of {}: {}", vm.record().name(), e.getMessage());
        }
        lookAtMemoryLater(in);
    }

    /** Ends the run because the manager wants it: politely, then by force. Its end is dealt with when it comes. */
    private void endRun(Ending why) {
        if (ownReason != null) {
            return;
        }
        ownReason = why;
        stopHealth();
        // It must be able to take the signals.
        letEndingGo();
        ending = vm.waiting().holdInTurn();
        MainProcess running = main;
        Machine in = machine;
        if (running != null) {
            running.signal(SIGTERM);
            killAlarm = shared.timing()
                    .after(vm.spec().stopGracePeriod(), () -> Thread.startVirtualThread(() -> running.signal(SIGKILL)));
        } else if (in != null) {
            destroy(() -> {});
            ended(why);
        }
    }

    private void mainEnded(MainProcess which, Output end) {
        if (which != main || vm.gone()) {
            return;
        }
        switch (end) {
            case Output.Exited exit -> exited(which, exit);
            case Output.Lost lost -> {
                Machine in = machine;
                if (in != null && !in.ended().isDone() && vm.record().state() != VmState.STOPPING) {
                    lost(in, lost.reason());
                }
            }
            default -> throw new IllegalStateException("not an end: " + end.getClass());
        }
    }

    private void exited(MainProcess which, Output.Exited exit) {
        Machine in = machine;
        VmRecord record = vm.record();
        if (record.state() == VmState.WAITING) {
            // It came while it was being frozen.
            afterResume = () -> exited(which, exit);
            vm.waiting().wakeNow();
            return;
        }
        Ending how = Ending.of(exit, in != null && oomKills(in) > oomKillsBefore);
        if (record.state() == VmState.STOPPING) {
            vm.publish(record.withPhase(record.phase().exited(how.exitCode(), how.signal())));
            return;
        }
        if (record.state() == VmState.PAUSED) {
            afterResume = () -> exited(which, exit);
            return;
        }
        main = null;
        if (in != null) {
            try {
                MachineStats figures = in.stats();
                oomKillsBefore = figures.oomKills();
                vm.clock().used(figures.cpuMicros());
            } catch (EngineException e) {
                LOG.debug("no statistics of {}: {}", record.name(), e.getMessage());
            }
            try {
                in.forget(which.run().processId());
            } catch (EngineException e) {
                LOG.debug("the record of the main process of {} stays: {}", record.name(), e.getMessage());
            }
        }
        vm.publish(record.withHistory(new VmRecord.History(
                record.history().restarts(),
                which.run().text(),
                record.history().recentRestarts())));
        Ending own = ownReason;
        ended(own == null ? how : new Ending(true, own.reason(), own.message(), how.exitCode(), how.signal()));
    }

    private void machineEnded(Machine which, MachineEnd end) {
        if (which != machine || vm.gone() || vm.record().state() == VmState.STOPPING) {
            return;
        }
        MainProcess last = main;
        if (last != null && !last.awaitDone(LAST_OUTPUT)) {
            LOG.warn("the last output of {} may be incomplete", vm.record().name());
        }
        boolean waitsForRestart = vm.record().state() == VmState.STARTING;
        Timing.Alarm restart = restartAlarm;
        restartAlarm = null;
        destroy(() -> {});
        if (waitsForRestart && restart != null) {
            restartAlarm = restart;
            return;
        }
        Ending own = ownReason;
        ended(own == null ? Ending.of(end) : own);
    }

    /** The machine does not answer any more. */
    void lost(Machine in, String why) {
        if (in == machine) {
            destroy(() -> {});
        }
        ended(Ending.failed(Ending.MACHINE_LOST, why));
    }

    /** A run is over: the restart policy says what comes now. */
    void ended(Ending end) {
        cancelAlarms();
        letEndingGo();
        afterResume = null;
        VmRecord record = vm.record();
        Instant now = Micros.exact(shared.timing().now());
        switch (RestartPolicy.decide(
                vm.spec().restart(), end.failure(), record.history().recentRestarts(), now)) {
            case RestartPolicy.Decision.Stay _ -> finish(end.failure() ? VmState.FAILED : VmState.STOPPED, end);
            case RestartPolicy.Decision.GiveUp loop ->
                finish(
                        VmState.FAILED,
                        new Ending(
                                true,
                                Ending.CRASH_LOOP,
                                "restarted " + loop.restarts() + " times within "
                                        + vm.spec().restart().window().toSeconds() + " s; at last " + end.message(),
                                end.exitCode(),
                                end.signal()));
            case RestartPolicy.Decision.Again again -> restartLater(record, end, again, now);
        }
    }

    private void restartLater(VmRecord record, Ending end, RestartPolicy.Decision.Again again, Instant now) {
        String message = end.message() + "; restart " + again.number() + " of "
                + vm.spec().restart().maxRestarts() + " in " + again.delay().toMillis() + " ms";
        healthy = Optional.empty();
        VmRecord.History history = record.history();
        // Set before anyone sees the state; its turn comes after this one.
        restartAlarm = shared.timing().after(again.delay(), () -> turns.post(this::restart));
        vm.storeLater(
                record.withPhase(record.phase()
                                .with(VmState.STARTING, end.reason(), message)
                                .exited(end.exitCode(), end.signal()))
                        .withHistory(new VmRecord.History(
                                history.restarts() + 1,
                                history.endedRun(),
                                RestartPolicy.remember(vm.spec().restart(), history.recentRestarts(), now))),
                "vm.restarting",
                message,
                Map.of("reason", end.reason()));
        try {
            log.say(message);
        } catch (IOException e) {
            LOG.warn("the log of {} cannot be written: {}", record.name(), e.getMessage());
        }
    }

    private void restart() {
        restartAlarm = null;
        if (vm.gone() || vm.record().state() != VmState.STARTING) {
            return;
        }
        if (machine != null) {
            startMain();
            return;
        }
        makeNewMachine();
    }

    /** Another machine for the same Tiny VM, which holds its capacity. */
    void makeNewMachine() {
        try {
            vm.store(placed(vm.record(), shared.choose(vm.spec())), "", "");
        } catch (ManagerException e) {
            ended(Ending.failed(Ending.START_FAILED, String.valueOf(e.getMessage())));
            return;
        }
        makeMachineOrFail();
    }

    /** The end: stored while the machine and its exit status still exist, shown when nothing is left of it. */
    void finish(VmState state, Ending end) {
        VmRecord record = vm.record();
        VmRecord.Phase phase = record.phase()
                .with(state, end.reason(), end.message())
                .ended(Micros.exact(shared.timing().now()));
        if (end.exitCode().isPresent() || end.signal().isPresent()) {
            phase = phase.exited(end.exitCode(), end.signal());
        }
        VmRecord next = record.withPhase(phase);
        String type = state == VmState.FAILED ? "vm.failed" : "vm.stopped";
        CompletableFuture<Void> stored = vm.submit(next, type, end.message(), Map.of("reason", end.reason()));
        try {
            Store.await(stored);
        } catch (ManagerException e) {
            LOG.error("the end of {} could not be stored: {}", record.name(), e.getMessage());
        }
        boolean unhealthy = end.reason().equals(Ending.UNHEALTHY);
        destroy(() -> shared.admission().release(vm.id()));
        healthy = unhealthy ? Optional.of(false) : Optional.empty();
        vm.publish(next);
        vm.stopFinished();
    }

    private MainRun run(int processId) {
        return new MainRun(vm.record().placement().generation(), processId);
    }

    private static long oomKills(Machine in) {
        try {
            return in.stats().oomKills();
        } catch (EngineException e) {
            return 0;
        }
    }

    private void letEndingGo() {
        Hold held = ending;
        ending = null;
        if (held != null) {
            held.close();
        }
    }

    private void cancelAlarms() {
        stopHealth();
        for (Timing.Alarm alarm : java.util.Arrays.asList(memoryAlarm, restartAlarm, killAlarm)) {
            if (alarm != null) {
                alarm.cancel();
            }
        }
        memoryAlarm = null;
        restartAlarm = null;
        killAlarm = null;
    }

    private void stopHealth() {
        if (health != null) {
            health.stop();
            health = null;
        }
    }

    private final class MainListener implements MainProcess.Listener {
        @Override
        public void ended(MainProcess process, Output end) {
            turns.post(() -> mainEnded(process, end));
        }

        @Override
        public void logStuck(String reason) {
            turns.post(() -> vm.tell("log.stuck", "its log cannot be written, its output waits: " + reason, Map.of()));
        }
    }
}
