package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineStats;
import dev.tinyvm.manager.Manager.VmStats;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Figures of Tiny VMs, with the CPU used at present: the difference of two readings. Nothing is read while nobody asks; who asks first waits
 * a quarter of a second for the second reading.
 */
final class StatsMeter {
    private static final long SHORTEST_NANOS = Duration.ofMillis(200).toNanos();
    private static final long OLDEST_NANOS = Duration.ofSeconds(5).toNanos();
    private static final Duration WAIT = Duration.ofMillis(250);

    private final Timing timing;
    private final Map<Machine, Reading> last = new ConcurrentHashMap<>();

    StatsMeter(Timing timing) {
        this.timing = timing;
    }

    /** Of those that have a machine; the others are left out. */
    List<VmStats> of(List<TinyVm> vms) {
        boolean wait = false;
        long now = System.nanoTime();
        for (TinyVm vm : vms) {
            Optional<Machine> machine = vm.anyMachine();
            if (machine.isPresent()) {
                Reading before = last.get(machine.get());
                if (before == null || now - before.atNanos() > OLDEST_NANOS) {
                    Optional<MachineStats> first = read(machine.get());
                    if (first.isPresent()) {
                        last.put(
                                machine.get(),
                                new Reading(System.nanoTime(), first.get().cpuMicros(), 0));
                        wait = true;
                    }
                }
            }
        }
        if (wait) {
            try {
                Thread.sleep(WAIT);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        List<VmStats> all = new ArrayList<>();
        for (TinyVm vm : vms) {
            vm.anyMachine().flatMap(machine -> measure(vm, machine)).ifPresent(all::add);
        }
        last.keySet().removeIf(machine -> machine.ended().isDone());
        return all;
    }

    private Optional<VmStats> measure(TinyVm vm, Machine machine) {
        Optional<MachineStats> stats = read(machine);
        if (stats.isEmpty()) {
            return Optional.empty();
        }
        long nanos = System.nanoTime();
        Instant at = timing.now();
        Reading before = last.get(machine);
        double cores = before == null ? 0 : before.cores();
        if (before != null && nanos - before.atNanos() >= SHORTEST_NANOS) {
            cores = (stats.get().cpuMicros() - before.cpuMicros()) * 1_000.0 / (nanos - before.atNanos());
            last.put(machine, new Reading(nanos, stats.get().cpuMicros(), cores));
        }
        VmRecord record = vm.record();
        return Optional.of(new VmStats(
                record.id(),
                record.name(),
                record.state(),
                record.descriptor().spec().resources(),
                stats.get(),
                Math.max(0, cores),
                at));
    }

    private static Optional<MachineStats> read(Machine machine) {
        try {
            return Optional.of(machine.stats());
        } catch (EngineException e) {
            // It ended between the look at the list and this one.
            return Optional.empty();
        }
    }

    private record Reading(long atNanos, long cpuMicros, double cores) {}
}
