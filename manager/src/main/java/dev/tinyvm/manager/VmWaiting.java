package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.Machine.Pulse;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.VmActivity.Hold;
import dev.tinyvm.manager.VmActivity.ModelCall;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Freezes a Tiny VM that only waits for a model, and wakes it. {@code docs/manager.md}, "Waiting", has the rule.
 *
 * <p>The monitor guards the counts and {@code asleep}; it is never held while something blocks. Freezing and thawing happen in turns of the Tiny VM. Who needs it
 * running takes a hold: that raises a count under the monitor, and when it is asleep by then, waits for the turn that wakes it. A freeze looks at the counts and sets
 * {@code asleep} under the same monitor, so one of the two sees the other. Counting costs no system call; looks are made only while a call waits.
 */
final class VmWaiting {
    /** From when a call waits alone to the first look: answers that come at once cost no look. */
    static final Duration FIRST_LOOK = Duration.ofMillis(2);
    /** Between the two looks that must find nothing going on. */
    static final Duration BETWEEN_LOOKS = Duration.ofMillis(4);
    /** Looks become rarer while something goes on beside the call. With {@link #BETWEEN_LOOKS} it bounds how late the end of that is noticed: a freeze comes within 100 ms of it. */
    static final Duration LONGEST_BETWEEN_LOOKS = Duration.ofMillis(64);

    private static final Duration TRY_AGAIN = Duration.ofSeconds(1);
    /** Of a core, between two looks: what runtimes use for their own housekeeping. */
    private static final double IDLE_CORES = 0.05;
    /** Of a core, between two looks: it is in the middle of something, the next look need not come soon. */
    private static final double BUSY_CORES = 0.5;

    private static final Logger LOG = LoggerFactory.getLogger(VmWaiting.class);

    private final TinyVm vm;
    private final Shared shared;
    private final Turns turns;
    private int holds;
    private int unanswered;
    private int answering;
    /** Set before the freeze, cleared after the thaw. */
    private boolean asleep;
    /** Whether its CPU was lent: from the first look on, unless a look finds it doing something. Always while asleep. */
    private boolean lent;

    private boolean lookPending;
    /** Rises whenever something begins or ends: looks of different epochs do not add up. */
    private long epoch;
    /** As {@code epoch}, without what the manager does of its own accord. */
    private long doings;

    private long quietSinceNanos;

    // Only used in turns.
    private @Nullable Look last;
    /** When a look found it doing something, of the present epoch; 0: none did. */
    private long busyAtNanos;

    private Duration pause = BETWEEN_LOOKS;
    private boolean blind;

    VmWaiting(TinyVm vm, Shared shared, Turns turns) {
        this.vm = vm;
        this.shared = shared;
        this.turns = turns;
    }

    /** A call that waits from now on. */
    ModelCall modelCall() {
        synchronized (this) {
            unanswered++;
            doings++;
            changed();
        }
        return new Call();
    }

    /** Returns once it runs, if it is to run at all. */
    Hold hold() {
        synchronized (this) {
            doings++;
        }
        return ownHold();
    }

    /** As {@link #hold}, for what the manager does of its own accord: it does not end idleness. */
    Hold ownHold() {
        boolean wake;
        synchronized (this) {
            holds++;
            epoch++;
            needsItsCpu();
            wake = asleep;
        }
        Hold hold = new OneHold();
        if (wake) {
            try {
                awake();
            } catch (RuntimeException e) {
                hold.close();
                throw e;
            }
        }
        return hold;
    }

    /** As {@link #hold}, for who is in a turn of it. */
    Hold holdInTurn() {
        synchronized (this) {
            holds++;
            epoch++;
            needsItsCpu();
        }
        Hold hold = new OneHold();
        try {
            wakeNow();
        } catch (RuntimeException e) {
            hold.close();
            throw e;
        }
        return hold;
    }

    /** Whether nothing is held and no call is under way: only what its processes do is left. */
    synchronized boolean nothingUnderWay() {
        return holds == 0 && unanswered == 0 && answering == 0;
    }

    /** Rises with every call and every hold of others. */
    synchronized long doings() {
        return doings;
    }

    /** In a turn: thaws it when it is frozen for a call. @throws ManagerException it could not; it is tried again */
    void wakeNow() {
        if (!isAsleep()) {
            return;
        }
        Machine machine = vm.machine();
        if (machine != null && vm.record().state() == VmState.WAITING) {
            try {
                machine.thaw();
            } catch (EngineException e) {
                if (!machine.ended().isDone()) {
                    Timing.Alarm _ = shared.timing().after(TRY_AGAIN, () -> turns.post(this::wakeNow));
                    throw Engines.translate("could not wake " + vm.record().name(), e);
                }
            }
            takesItsCpuBack();
            vm.publish(vm.record().withPhase(vm.record().phase().with(VmState.RUNNING, "", "")));
            notAsleep();
            vm.woken();
            return;
        }
        notAsleep();
    }

    /** In a turn: it is not frozen for a call any more, by whatever else came over it: a pause, an end. */
    void over() {
        if (isAsleep()) {
            takesItsCpuBack();
            notAsleep();
        }
    }

    /** In a turn: it runs (again). */
    void running() {
        blind = false;
        synchronized (this) {
            changed();
        }
    }

    private void awake() {
        long from = System.nanoTime();
        turns.call(() -> {
            wakeNow();
            return true;
        });
        shared.waits().thawed(System.nanoTime() - from);
    }

    private synchronized boolean isAsleep() {
        return asleep;
    }

    private synchronized void notAsleep() {
        asleep = false;
        changed();
    }

    /** With the monitor held: looks begin when a call is all that is under way. */
    private void changed() {
        epoch++;
        if (!waitsAlone()) {
            needsItsCpu();
        } else {
            quietSinceNanos = System.nanoTime();
            lookAfter(FIRST_LOOK);
        }
    }

    /** From here on others may be admitted on its CPU: making theirs takes about as long as the looks at this one. */
    private void lend(long lookedAt) {
        synchronized (this) {
            if (epoch != lookedAt || !waitsAlone() || lent) {
                return;
            }
            lent = true;
        }
        shared.admission().lendCpu(vm.id());
        synchronized (this) {
            if (!lent) {
                // Something came between.
                shared.admission().takeCpuBack(vm.id());
            }
        }
    }

    private synchronized void takesItsCpuBack() {
        lent = false;
        shared.admission().takeCpuBack(vm.id());
    }

    /** With the monitor held. While it is asleep, waking it does this. */
    private void needsItsCpu() {
        if (lent && !asleep) {
            takesItsCpuBack();
        }
    }

    private boolean waitsAlone() {
        return unanswered > 0 && answering == 0 && holds == 0 && !asleep;
    }

    private void lookAfter(Duration delay) {
        if (!lookPending && vm.spec().idle().freezeOnLlm()) {
            lookPending = true;
            Timing.Alarm _ = shared.timing().after(delay, () -> turns.post(this::look));
        }
    }

    private void look() {
        long now;
        synchronized (this) {
            lookPending = false;
            if (!waitsAlone()) {
                last = null;
                return;
            }
            now = epoch;
        }
        Machine machine = vm.machine();
        if (machine == null || vm.record().state() != VmState.RUNNING || blind) {
            return;
        }
        boolean idle;
        try {
            idle = looksIdle(machine, now);
        } catch (EngineException e) {
            blind = true;
            takesItsCpuBack();
            LOG.info("{} will not be frozen while it waits: {}", vm.record().name(), e.getMessage());
            return;
        }
        if (idle) {
            last = null;
            freeze(machine, now);
        } else {
            if (busyAtNanos == 0) {
                lend(now);
            }
            later(pause);
        }
    }

    /**
     * One look; the first of an epoch only takes the CPU time, and each asks for the threads only when that stands still: a look at a busy one costs one small file. A thread that is held back
     * or waits for a disk uses no CPU and shows as busy. Sets the pause before the next one.
     */
    private boolean looksIdle(Machine machine, long now) {
        Look before = last;
        long at = System.nanoTime();
        Look look = new Look(now, at, machine.cpuNanos());
        last = look;
        if (before == null || before.epoch() != now) {
            busyAtNanos = 0;
            pause = BETWEEN_LOOKS;
            return false;
        }
        double cores = look.coresSince(before);
        boolean idle = cores <= IDLE_CORES;
        if (idle && !goesOn(machine.pulse())) {
            return true;
        }
        busyAtNanos = at;
        synchronized (this) {
            needsItsCpu();
        }
        pause = idle || cores >= BUSY_CORES ? longer(pause) : BETWEEN_LOOKS;
        return false;
    }

    /** A connection over its routed interface may bring something at any moment, as a tunnel of the proxy may, which is held. */
    private static boolean goesOn(Pulse pulse) {
        return pulse.busy() || pulse.routedFlows() > 0;
    }

    private static Duration longer(Duration pause) {
        Duration twice = pause.multipliedBy(2);
        return twice.compareTo(LONGEST_BETWEEN_LOOKS) > 0 ? LONGEST_BETWEEN_LOOKS : twice;
    }

    private synchronized void later(Duration delay) {
        lookAfter(delay);
    }

    private void freeze(Machine machine, long lookedAt) {
        lend(lookedAt);
        long since;
        synchronized (this) {
            if (epoch != lookedAt || !waitsAlone()) {
                if (waitsAlone()) {
                    lookAfter(FIRST_LOOK);
                }
                return;
            }
            asleep = true;
            since = quietSinceNanos;
        }
        try {
            machine.freeze();
        } catch (EngineException e) {
            LOG.info("could not freeze {} while it waits: {}", vm.record().name(), e.getMessage());
            blind = true;
            takesItsCpuBack();
            notAsleep();
            return;
        }
        long frozenAt = System.nanoTime();
        shared.waits().frozen(frozenAt - since, frozenAt - (busyAtNanos == 0 ? since : busyAtNanos));
        vm.publish(vm.record()
                .withPhase(vm.record().phase().with(VmState.WAITING, "Llm", "it waits for a model; it is frozen")));
    }

    /** One look. */
    private record Look(long epoch, long atNanos, long cpuNanos) {
        double coresSince(Look before) {
            return (double) (cpuNanos - before.cpuNanos()) / Math.max(1, atNanos - before.atNanos());
        }
    }

    private final class OneHold implements Hold {
        private final AtomicBoolean closed = new AtomicBoolean();

        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) {
                synchronized (VmWaiting.this) {
                    holds--;
                    changed();
                }
            }
        }
    }

    private final class Call implements ModelCall {
        private boolean answered;
        private boolean closed;

        @Override
        public void answered() {
            boolean wake;
            synchronized (VmWaiting.this) {
                if (answered || closed) {
                    return;
                }
                answered = true;
                unanswered--;
                answering++;
                epoch++;
                needsItsCpu();
                wake = asleep;
            }
            if (wake) {
                wakeQuietly();
            }
        }

        @Override
        public void close() {
            boolean wake;
            synchronized (VmWaiting.this) {
                if (closed) {
                    return;
                }
                closed = true;
                if (answered) {
                    answering--;
                } else {
                    unanswered--;
                }
                changed();
                wake = asleep && unanswered == 0;
            }
            if (wake) {
                wakeQuietly();
            }
        }

        /** The call goes on its way whatever became of the Tiny VM. */
        private void wakeQuietly() {
            try {
                awake();
            } catch (ManagerException e) {
                LOG.warn("{}", e.getMessage());
            }
        }
    }
}
