package dev.tinyvm.manager;

import dev.tinyvm.engine.CheckpointStore;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.manager.ImageCatalog.ImageInfo;
import dev.tinyvm.manager.Manager.Deadline;
import dev.tinyvm.manager.Manager.ResizeRequest;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.AgentSpec;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Quantities;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Volume;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One Tiny VM: its record and the verbs of its user. {@link VmRun} is the part that makes machines and runs the main process.
 *
 * <p>Everything that changes it happens in a turn (see {@link Turns}); the verbs here post a turn and wait for it. The record is replaced as a whole and may be
 * read by anyone. What must survive a death of the manager is stored before it is done: see {@code docs/manager.md}, "Written before it is done".
 */
final class TinyVm {
    private static final Logger LOG = LoggerFactory.getLogger(TinyVm.class);

    private final Shared shared;
    private final Turns turns;
    private final VmLog log;
    private final VmRun run;
    private final VmWaiting waiting;
    private final VmIdle idle;
    private final VmClock clock;
    private final VmInterface routed;
    private final Object changed = new Object();
    private final ConcurrentMap<Integer, GuestProcess> open = new ConcurrentHashMap<>(2);
    private volatile VmRecord record;
    private volatile boolean gone;
    private Timing.@Nullable Alarm deadlineAlarm;
    private @Nullable CompletableFuture<Void> stopping;

    TinyVm(Shared shared, VmRecord record) {
        this.shared = shared;
        this.record = record;
        this.turns = new Turns(record.id());
        this.log =
                new VmLog(shared.logs().resolve(record.id()), shared.settings().logs(), shared.timing());
        this.waiting = new VmWaiting(this, shared, turns);
        this.idle = new VmIdle(this, shared, turns);
        this.clock = new VmClock(record.state(), shared.timing().now());
        this.routed = new VmInterface(this, shared);
        this.run = new VmRun(this, shared, turns, log);
    }

    VmRecord record() {
        return record;
    }

    String id() {
        return record.id();
    }

    AgentSpec spec() {
        return record.descriptor().spec();
    }

    VmLog log() {
        return log;
    }

    boolean gone() {
        return gone;
    }

    /** Freezing while it waits for a model. */
    VmWaiting waiting() {
        return waiting;
    }

    /** Pausing and stopping when it does nothing. */
    VmIdle idle() {
        return idle;
    }

    /** Its routed interface, when it is to have one. */
    VmInterface routed() {
        return routed;
    }

    VmClock clock() {
        return clock;
    }

    @Nullable
    Machine machine() {
        return run.machine();
    }

    /** In a turn: it was thawed because of what it waited for, or because somebody needs it. */
    void woken() {
        run.resumed();
    }

    VmStatus status() {
        VmRecord now = record;
        VmRecord.Phase phase = now.phase();
        Optional<Admission.Wait> wait =
                now.state() == VmState.PENDING ? shared.admission().waiting(now.id()) : Optional.empty();
        Machine machine = run.machine();
        return new VmStatus(
                now.id(),
                now.name(),
                now.agent(),
                now.descriptor(),
                now.placement().engine(),
                now.placement().engineReason(),
                now.placement().image(),
                now.state(),
                wait.map(Admission.Wait::reason).orElse(phase.reason()),
                wait.map(Admission.Wait::message).orElse(phase.message()),
                run.healthy(),
                now.history().restarts(),
                phase.exitCode(),
                phase.signal(),
                machine == null ? 0 : machine.hostPid(),
                now.createdAt(),
                phase.startedAt(),
                phase.endedAt(),
                now.tags(),
                now.deadline(),
                clock.use(shared.timing().now()));
    }

    /** The machine of a running one, for verbs that work inside. */
    Machine inside(String attempt) {
        VmState state = record.state();
        Machine machine = run.machine();
        if (state == VmState.RUNNING && machine != null) {
            return machine;
        }
        throw notNow(attempt);
    }

    /** The machine of one that lives, also when frozen, for what is done to it from outside. In a turn. */
    Machine live(String attempt) {
        Machine machine = run.machine();
        boolean can = switch (record.state()) {
            case RUNNING, WAITING, PAUSED -> true;
            default -> false;
        };
        if (machine == null || !can) {
            throw notNow(attempt);
        }
        return machine;
    }

    /** The machine whatever it does, also when frozen; empty when there is none. */
    Optional<Machine> anyMachine() {
        return Optional.ofNullable(run.machine());
    }

    ManagerException notNow(String attempt) {
        if (gone) {
            return new ManagerException(Code.GONE, "could not " + attempt + ": " + record.name() + " has been removed");
        }
        String remedy = switch (record.state()) {
            case PAUSED -> "; resume it first";
            case WAITING -> "; try again";
            case STOPPED, FAILED -> "; start it first";
            case PENDING -> "; it waits for room on this host";
            case STARTING -> "; try again when it runs";
            case STOPPING, RUNNING -> "";
        };
        return new ManagerException(
                Code.CONFLICT,
                "could not " + attempt + ": " + record.name() + " is "
                        + record.state().word() + remedy);
    }

    // Verbs

    /** The first turn of its life. @param image what its descriptor's was found to be @param more stored together with its record */
    void begin(boolean admitted, ImageInfo image, Engines.Choice choice, List<Change> more) {
        turns.call(() -> {
            VmRecord next = admitted ? run.placed(record, choice) : record;
            List<Change> changes = new java.util.ArrayList<>(more);
            changes.add(VmTable.put(next));
            changes.add(shared.events().about(next, "vm.created", "", Map.of()));
            CompletableFuture<Void> stored = shared.store().submit(changes);
            if (!admitted || !spec().volumes().isEmpty()) {
                // A volume is taken into use for a record that is there.
                Store.await(stored);
            }
            publish(next);
            scheduleDeadline();
            if (admitted) {
                shared.volumes().use(this, spec().volumes());
                run.makeMachine(image, stored);
            } else {
                queue();
            }
            return true;
        });
    }

    /** The first turn of one that goes on from a checkpoint; its capacity was granted. */
    void beginFrom(Engines.Choice choice, CheckpointStore store, String checkpoint) {
        turns.call(() -> {
            VmRecord next = run.placed(record, choice);
            shared.store()
                    .write(List.of(
                            VmTable.put(next),
                            shared.events().about(next, "vm.created", "", Map.of("checkpoint", checkpoint))));
            publish(next);
            run.restoreMachine(store, checkpoint);
            return true;
        });
    }

    /** Writes it to disk; it goes on. @return bytes */
    long checkpoint(CheckpointStore store, String name, long mostBytes) {
        return turns.call(() -> VmCheckpoint.write(this, run, store, name, mostBytes));
    }

    VmStatus stop(String reason) {
        return stop(reason, "");
    }

    VmStatus stop(String reason, String message) {
        CompletableFuture<Void> done = turns.call(() -> beginStop(reason, message));
        done.join();
        requireKnown("stop it");
        return status();
    }

    VmStatus start() {
        turns.call(() -> {
            requireKnown("start it");
            if (!record.state().ended()) {
                return false;
            }
            shared.metering().requireBudget(record);
            Engines.Choice choice = shared.choose(spec());
            shared.admission().requireEverFits(spec().resources());
            if (shared.admission().tryAdmit(id(), spec().resources())) {
                store(run.placed(fresh(VmState.STARTING), choice), "", "");
                run.makeMachineOrFail();
            } else {
                store(fresh(VmState.PENDING), "vm.pending", "");
                queue();
            }
            return true;
        });
        return status();
    }

    VmStatus pause() {
        turns.call(() -> {
            if (record.state() == VmState.PAUSED) {
                return false;
            }
            Machine machine = runningOrWaiting("pause it");
            VmRecord before = record;
            store(before.withPhase(before.phase().with(VmState.PAUSED, "", "")), "vm.paused", "");
            waiting.over();
            try {
                machine.freeze();
            } catch (EngineException e) {
                store(before.withPhase(before.phase().with(VmState.RUNNING, "", "")), "", "");
                throw Engines.translate("could not pause " + before.name(), e);
            }
            return true;
        });
        return status();
    }

    VmStatus resume() {
        turns.call(() -> {
            Machine machine = run.machine();
            waiting.wakeNow();
            if (record.state() == VmState.RUNNING) {
                return false;
            }
            if (record.state() != VmState.PAUSED || machine == null) {
                throw notNow("resume it");
            }
            try {
                machine.thaw();
            } catch (EngineException e) {
                throw Engines.translate("could not resume " + record.name(), e);
            }
            store(record.withPhase(record.phase().with(VmState.RUNNING, "", "")), "vm.resumed", "");
            run.resumed();
            waiting.running();
            idle.begin();
            return true;
        });
        return status();
    }

    VmStatus attach(Volume volume) {
        turns.call(() -> VmVolumes.attach(this, run, shared, volume));
        return status();
    }

    VmStatus detach(String mountPath, boolean force) {
        turns.call(() -> VmVolumes.detach(this, mountPath, force));
        return status();
    }

    VmStatus attachNetwork() {
        turns.call(routed::attach);
        return status();
    }

    VmStatus detachNetwork() {
        turns.call(routed::detach);
        return status();
    }

    VmStatus resize(ResizeRequest request) {
        turns.call(() -> {
            Machine machine = live("resize it");
            Resources old = spec().resources();
            Resources wanted = new Resources(
                    request.cpuMillis().orElse(old.cpuMillis()),
                    request.memoryBytes().orElse(old.memoryBytes()),
                    old.diskBytes(),
                    request.pids().orElse(old.pids()),
                    old.memoryMerge());
            VmChecks.resources(wanted);
            if (wanted.equals(old)) {
                return false;
            }
            shared.admission().requireEverFits(wanted);
            shared.admission().resize(id(), larger(old, wanted));
            VmRecord before = record;
            try {
                store(before.withDescriptor(VmChecks.withResources(before.descriptor(), wanted)), "", "");
                machine.resize(wanted);
            } catch (EngineException e) {
                shared.admission().resize(id(), old);
                store(before, "", "");
                throw Engines.translate("could not resize " + before.name(), e);
            } catch (ManagerException e) {
                shared.admission().resize(id(), old);
                throw e;
            }
            shared.admission().resize(id(), wanted);
            tell(
                    "vm.resized",
                    "",
                    Map.of(
                            "cpu", Quantities.formatCpuMillis(wanted.cpuMillis()),
                            "memory", Quantities.formatBytes(wanted.memoryBytes()),
                            "pids", Integer.toString(wanted.pids())));
            return true;
        });
        return status();
    }

    VmStatus setNetwork(Network network) {
        turns.call(() -> {
            requireKnown("change its network");
            if (network.routed() && !spec().network().routed()) {
                throw new ManagerException(
                        Code.CONFLICT,
                        record.name() + " has no routed interface, and rules do not make one; attach it first");
            }
            Network wanted = network.with(spec().network().attachment());
            if (!spec().network().equals(wanted)) {
                Agent before = record.descriptor();
                VmRecord next = record.withDescriptor(new Agent(
                        before.metadata(),
                        before.spec().change().network(wanted).build()));
                routed.requireFits(next);
                store(next, "vm.network-changed", "");
                shared.offers().changed(record);
                run.openNewOffers();
            }
            // Also when they are as they were: the kernel may not have been told when they came.
            routed.refresh();
            return true;
        });
        return status();
    }

    VmStatus setDeadline(Optional<Deadline> deadline) {
        turns.call(() -> {
            requireKnown("set its deadline");
            Optional<Deadline> exact = deadline.map(d -> new Deadline(Micros.exact(d.at()), d.action()));
            store(record.withDeadline(exact), "", "");
            scheduleDeadline();
            return true;
        });
        return status();
    }

    VmStatus setTags(Map<String, String> tags) {
        turns.call(() -> {
            requireKnown("set its tags");
            store(record.withTags(tags), "", "");
            return true;
        });
        return status();
    }

    /** Kills and forgets it, whatever it does. */
    void remove(String event, String message) {
        turns.call(() -> {
            removeNow(event, message);
            return true;
        });
    }

    /** Drops it with its log, unless it was started again. */
    void forgetIfEnded() {
        turns.post(() -> {
            if (record.state().ended()) {
                removeNow("vm.forgotten", "only the newest ended ones are kept");
            }
        });
    }

    /** A command inside, whose stream the caller holds. @param hold closed when the stream is over */
    GuestProcess exec(Machine machine, ExecRequest request, VmActivity.Hold hold) {
        return new OpenProcess(machine.exec(request), open, hold);
    }

    /** Takes up a command whose stream nobody holds. For any thread: of two at once, one gets it. @param hold closed when the stream is over */
    GuestProcess attach(Machine machine, int processId, VmActivity.Hold hold) {
        synchronized (open) {
            if (open.containsKey(processId) || run.isMain(processId)) {
                throw new ManagerException(
                        Code.CONFLICT,
                        "could not follow process " + processId + " in " + record.name()
                                + ": somebody follows it already");
            }
            return new OpenProcess(machine.attach(processId, Machine.OLDEST_KEPT, Machine.OLDEST_KEPT), open, hold);
        }
    }

    /** False when nobody holds the stream of that process. For any thread. */
    boolean signalOpen(int processId, int signal) {
        GuestProcess process = open.get(processId);
        if (process == null) {
            return run.signalMain(processId, signal);
        }
        process.signal(signal, false);
        return true;
    }

    /** A stored replica takes its first step: into the queue, or at once to its machine. */
    void enter() {
        turns.call(() -> {
            if (!gone && record.state() == VmState.PENDING) {
                if (shared.admission().tryAdmit(id(), spec().resources())) {
                    run.admitted();
                } else {
                    queue();
                }
            }
            return true;
        });
    }

    /** Waits until its state is final, or it is gone, at most so long. */
    VmStatus awaitEnd(Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        try {
            synchronized (changed) {
                for (long left = timeout.toNanos();
                        !gone && !record.state().ended() && left > 0;
                        left = deadline - System.nanoTime()) {
                    java.util.concurrent.TimeUnit.NANOSECONDS.timedWait(changed, left);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ManagerException(Code.TIMEOUT, "interrupted while waiting for the end of " + record.name(), e);
        }
        requireKnown("wait for its end");
        return status();
    }

    /** After the manager's start. @param adopted its live machine */
    void recover(Machine adopted) {
        turns.call(() -> {
            scheduleDeadline();
            VmRecovery.recover(this, run, shared, adopted);
            return true;
        });
    }

    /** After the manager's start, without a machine. Its capacity and its place in the queue are taken now, the rest happens in its turn. */
    void recoverLater() {
        turns.post(this::scheduleDeadline);
        if (record.state() == VmState.PENDING) {
            // Its next turn comes with its capacity; another one here would find a machine that was made meanwhile.
            queue();
            return;
        }
        if (record.state().live()) {
            shared.admission().admitRunning(id(), spec().resources());
        }
        turns.post(() -> VmRecovery.recover(this, run, shared, null));
    }

    /** Lets go of it; it goes on. */
    void close() {
        turns.close();
        run.letGo();
        log.close();
    }

    // For the parts of this Tiny VM; called in turns

    /** Stores a record with an event (none when {@code type} is empty) and then shows it. */
    void store(VmRecord next, String type, String message) {
        VmTransitions.check(record.state(), next.state());
        shared.store().write(changes(next, type, message, Map.of()));
        publish(next);
    }

    /** As {@link #store} without waiting for the disk: for what the next manager would find out by itself. */
    void storeLater(VmRecord next, String type, String message, Map<String, String> attributes) {
        shared.store().submitUnwatched(changes(next, type, message, attributes));
        publish(next);
    }

    CompletableFuture<Void> submit(VmRecord next, String type, String message, Map<String, String> attributes) {
        return shared.store().submit(changes(next, type, message, attributes));
    }

    void tell(String type, String message, Map<String, String> attributes) {
        shared.store().submitUnwatched(List.of(shared.events().about(record, type, message, attributes)));
    }

    void publish(VmRecord next) {
        VmTransitions.check(record.state(), next.state());
        VmState before = record.state();
        synchronized (changed) {
            record = next;
            changed.notifyAll();
        }
        if (before != next.state()) {
            tellMeters();
        }
        if (next.state().ended()) {
            shared.listener().ended(this);
        }
    }

    /** Its clock and the ledger hear where it stands. */
    void tellMeters() {
        VmRecord now = record;
        clock.changed(now.state(), shared.timing().now());
        shared.metering().changed(now);
    }

    private Machine runningOrWaiting(String attempt) {
        Machine machine = run.machine();
        if (record.state() == VmState.WAITING && machine != null) {
            return machine;
        }
        return inside(attempt);
    }

    void queue() {
        shared.admission().enqueue(id(), spec().resources(), () -> turns.post(run::admitted));
    }

    void letOpenProcessesGo() {
        open.clear();
    }

    void stopFinished() {
        if (stopping != null) {
            stopping.complete(null);
            stopping = null;
        }
    }

    CompletableFuture<Void> beginStop(String reason) {
        return beginStop(reason, "");
    }

    CompletableFuture<Void> beginStop(String reason, String message) {
        if (gone || record.state().ended()) {
            return CompletableFuture.completedFuture(null);
        }
        if (stopping != null) {
            return stopping;
        }
        CompletableFuture<Void> done = new CompletableFuture<>();
        stopping = done;
        run.stop(reason, message);
        return done;
    }

    void removeNow(String event, String message) {
        if (gone) {
            return;
        }
        gone = true;
        if (deadlineAlarm != null) {
            deadlineAlarm.cancel();
        }
        idle.cancel();
        CompletableFuture<Void> stored = shared.store()
                .submit(List.of(VmTable.delete(id()), shared.events().about(record, event, message, Map.of())));
        run.destroy(() -> shared.admission().release(id()));
        try {
            log.remove();
        } catch (IOException e) {
            LOG.warn("could not remove the log of {}; the next start does: {}", record.name(), e.getMessage());
        }
        shared.metering().removed(id());
        shared.listener().removed(this);
        shared.offers().removed(id());
        routed.removed();
        stopFinished();
        synchronized (changed) {
            changed.notifyAll();
        }
        Store.await(stored);
    }

    private List<Change> changes(VmRecord next, String type, String message, Map<String, String> attributes) {
        return type.isEmpty()
                ? List.of(VmTable.put(next))
                : List.of(VmTable.put(next), shared.events().about(next, type, message, attributes));
    }

    private VmRecord fresh(VmState state) {
        return record.withPhase(VmRecord.Phase.of(state))
                .withHistory(new VmRecord.History(
                        record.history().restarts(), record.history().endedRun(), List.of()));
    }

    private void requireKnown(String attempt) {
        if (gone) {
            throw notNow(attempt);
        }
    }

    private void scheduleDeadline() {
        if (deadlineAlarm != null) {
            deadlineAlarm.cancel();
            deadlineAlarm = null;
        }
        Optional<Deadline> deadline = record.deadline();
        if (deadline.isPresent() && !gone) {
            Duration left =
                    Duration.between(shared.timing().now(), deadline.get().at());
            deadlineAlarm = shared.timing().after(left, () -> turns.post(() -> meet(deadline.get())));
        }
    }

    private void meet(Deadline deadline) {
        if (gone || !record.deadline().equals(Optional.of(deadline))) {
            return;
        }
        if (deadline.action() == Deadline.Action.REMOVE) {
            removeNow("vm.removed", "its deadline has passed");
            return;
        }
        Machine machine = run.machine();
        if ((record.state() == VmState.RUNNING || record.state() == VmState.WAITING) && machine != null) {
            pauseNow(record.withDeadline(Optional.empty()), "Deadline", "its deadline has passed");
        } else if (record.state() == VmState.STARTING || record.state() == VmState.PENDING) {
            deadlineAlarm = shared.timing().after(Duration.ofSeconds(1), () -> turns.post(() -> meet(deadline)));
        } else {
            store(record.withDeadline(Optional.empty()), "", "");
        }
    }

    /** In a turn: pauses a running or waiting one because the manager has to. @param from its record, maybe changed */
    void pauseNow(VmRecord from, String reason, String message) {
        Machine machine = run.machine();
        if (machine == null) {
            return;
        }
        store(from.withPhase(from.phase().with(VmState.PAUSED, reason, message)), "vm.paused", message);
        waiting.over();
        try {
            machine.freeze();
        } catch (EngineException e) {
            LOG.warn("could not pause {}: {}", record.name(), e.getMessage());
        }
    }

    private static Resources larger(Resources a, Resources b) {
        return new Resources(
                Math.max(a.cpuMillis(), b.cpuMillis()),
                Math.max(a.memoryBytes(), b.memoryBytes()),
                b.diskBytes(),
                b.pids(),
                b.memoryMerge());
    }
}
