package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.ledger.Account;
import dev.tinyvm.ledger.Ledger;
import dev.tinyvm.ledger.MachineMeter;
import dev.tinyvm.manager.Manager.VmState;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells the ledger what the machines use. Changes of state are told as they happen; the counters are read in rounds of a second: of a busy machine in each, of an idle one in every second, fourth, … up to the
 * {@link #LONGEST_ROUNDS}th, until it works or somebody uses it, of a frozen one once and then not again. What an idle one has used is billed in full with its next reading, since counters only go up.
 *
 * <p>One thread reads. It sleeps while there is no machine.
 */
final class Metering implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Metering.class);
    private static final Duration ROUND = Duration.ofSeconds(1);
    private static final int LONGEST_ROUNDS = 16;
    /** CPU time a second below which a machine is idle: a tenth of a percent of a core. */
    private static final long IDLE_MICROS_PER_ROUND = 1_000;

    private static final int NANO_DIGITS = 9;
    private static final int CENT_DIGITS = 2;

    private final Ledger ledger;
    private final ConcurrentMap<String, Metered> metered = new ConcurrentHashMap<>();
    private final Thread thread;
    private volatile boolean closed;

    Metering(Ledger ledger) {
        this.ledger = ledger;
        this.thread = Thread.ofVirtual().name("tinyvm-metering").unstarted(this::run);
    }

    Ledger ledger() {
        return ledger;
    }

    /** From here on machines are read. */
    void start() {
        thread.start();
    }

    /** A machine was made for this Tiny VM. In its turn. */
    void made(VmRecord vm, Machine machine) {
        meter(vm, machine, -1);
    }

    /** The machine of the manager before was taken up. In its turn. */
    void adopted(VmRecord vm, Machine machine) {
        boolean known = vm.state() != VmState.STARTING;
        meter(
                vm,
                machine,
                known ? vm.phase().startedAt().map(at -> at.toEpochMilli()).orElse(-1L) : -1);
        changed(vm);
    }

    /** The same machine is reached through another object from now on. In its turn. */
    void moved(String vm, Machine machine) {
        Metered found = metered.get(vm);
        if (found != null && !found.machine.equals(machine)) {
            metered.put(vm, new Metered(machine, found.meter));
        }
    }

    /** It has the state of this record now. In its turn. */
    void changed(VmRecord vm) {
        Metered found = metered.get(vm.id());
        if (found != null) {
            found.meter.mode(mode(vm.state()));
            found.wake();
        }
    }

    /** Its routed interface is about to go: what its counter says at last. The next one's begins at 0. In its turn. @param bytesOut −1: it could not be read */
    void routedOver(String vm, long bytesOut) {
        Metered found = metered.get(vm);
        if (found != null) {
            if (bytesOut >= 0) {
                found.meter.routed(bytesOut);
            }
            found.meter.routedAnew();
        }
    }

    /** Somebody uses it: it is read in the next round. */
    void used(String vm) {
        Metered found = metered.get(vm);
        if (found != null) {
            found.wake();
        }
    }

    /** Its machine has ended or is to be destroyed: the last reading. In its turn. */
    void ended(VmRecord vm, Machine machine) {
        Metered found = metered.get(vm.id());
        if (found == null || !found.machine.equals(machine)) {
            return;
        }
        metered.remove(vm.id());
        try {
            Machine.Usage last = machine.usage();
            routed(found, last);
            found.meter.close(last.cpuMicros(), last.memoryBytes());
        } catch (EngineException e) {
            LOG.info("the last counter of {} cannot be read: {}", vm.name(), e.getMessage());
            found.meter.close();
        }
    }

    /** @throws ManagerException {@code CONFLICT} when what this one may cost is used up */
    void requireBudget(VmRecord vm) {
        OptionalLong budget = vm.descriptor().spec().budget().nanoUsd();
        long spent = ledger.spent(scope(vm)).nanoUsd();
        if (budget.isPresent() && spent >= budget.getAsLong()) {
            throw new ManagerException(
                    ManagerException.Code.CONFLICT,
                    "could not start " + vm.name() + ": " + usedUp(spent, budget.getAsLong()));
        }
    }

    static String usedUp(long spentNanoUsd, long budgetNanoUsd) {
        return "its budget of " + usd(budgetNanoUsd) + " USD is used up (" + usd(spentNanoUsd)
                + " USD so far); raise budget.usd in the descriptor to go on";
    }

    /** Exact, with two decimals at least. */
    static String usd(long nanoUsd) {
        BigDecimal exact = BigDecimal.valueOf(nanoUsd, NANO_DIGITS).stripTrailingZeros();
        return (exact.scale() < CENT_DIGITS ? exact.setScale(CENT_DIGITS) : exact).toPlainString();
    }

    /** For whom its budget is counted: all Tiny VMs of an agent share theirs. */
    static String scope(VmRecord vm) {
        return vm.agent().isEmpty() ? Ledger.vmScope(vm.id()) : Ledger.agentScope(vm.agent());
    }

    /** It is no longer in the list. */
    void removed(String vm) {
        ledger.forgetVm(vm);
    }

    /** At the manager's start, before machines are made anew. @param lastCpuMicros counters of machines that did not outlive the manager before */
    void settleLost(Set<String> alive, Map<String, Long> lastCpuMicros) {
        ledger.settleLost(alive, lastCpuMicros);
    }

    /** Reads all that may have used something since their last reading. */
    void readAll() {
        for (Metered one : metered.values()) {
            if (!one.settled()) {
                read(one);
            }
        }
    }

    /** Stops reading; the ledger belongs to who opened it. */
    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(thread);
        try {
            thread.join(Duration.ofSeconds(10));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void meter(VmRecord vm, Machine machine, long sinceMillis) {
        Account account = new Account(
                vm.id(), vm.name(), vm.agent(), vm.descriptor().metadata().labels(), vm.owner());
        metered.put(
                vm.id(),
                new Metered(machine, ledger.meter(account, vm.placement().generation(), sinceMillis)));
        ledger.budget(scope(vm), vm.descriptor().spec().budget().nanoUsd());
        LockSupport.unpark(thread);
    }

    private void run() {
        long next = System.nanoTime();
        while (!closed) {
            if (metered.isEmpty()) {
                LockSupport.park(this);
                next = System.nanoTime();
            }
            next += ROUND.toNanos();
            long left = next - System.nanoTime();
            while (left > 0 && !closed) {
                LockSupport.parkNanos(this, left);
                left = next - System.nanoTime();
            }
            if (!closed) {
                round();
                next = Math.max(next, System.nanoTime() - ROUND.toNanos());
            }
        }
    }

    private void round() {
        List<Metered> due = new ArrayList<>();
        for (Metered one : metered.values()) {
            if (one.isDue()) {
                due.add(one);
            }
        }
        due.forEach(Metering::read);
        ledger.roundOver();
    }

    private static void read(Metered one) {
        try {
            boolean frozen = one.meter.mode() != MachineMeter.Mode.ACTIVE;
            Machine.Usage usage = one.machine.usage();
            routed(one, usage);
            one.read(one.meter.sample(usage.cpuMicros(), usage.memoryBytes()), frozen);
        } catch (EngineException e) {
            LOG.debug("{} cannot be read: {}", one.machine.id(), e.getMessage());
        }
    }

    private static void routed(Metered one, Machine.Usage usage) {
        if (usage.routedBytesOut() >= 0) {
            one.meter.routed(usage.routedBytesOut());
        }
    }

    private static MachineMeter.Mode mode(VmState state) {
        return switch (state) {
            case WAITING -> MachineMeter.Mode.WAITING;
            case PAUSED -> MachineMeter.Mode.PAUSED;
            case PENDING, STARTING, RUNNING, STOPPING, STOPPED, FAILED -> MachineMeter.Mode.ACTIVE;
        };
    }

    /** One machine. Its monitor guards when it is read next. */
    private static final class Metered {
        private final Machine machine;
        private final MachineMeter meter;
        private int rounds = 1;
        private int left;
        private boolean frozenAndRead;

        Metered(Machine machine, MachineMeter meter) {
            this.machine = machine;
            this.meter = meter;
        }

        synchronized void wake() {
            frozenAndRead = false;
            rounds = 1;
            left = 0;
        }

        /** Whether it is frozen and its counter stands still. */
        synchronized boolean settled() {
            return frozenAndRead;
        }

        synchronized boolean isDue() {
            int now = left;
            if (frozenAndRead) {
                return false;
            }
            left = now - 1;
            return now <= 0;
        }

        synchronized void read(long cpuMicros, boolean frozen) {
            int apart = rounds;
            boolean idle = cpuMicros < IDLE_MICROS_PER_ROUND * apart;
            rounds = idle ? Math.min(LONGEST_ROUNDS, apart * 2) : 1;
            left = rounds - 1;
            frozenAndRead = frozen;
        }
    }
}
