package dev.tinyvm.manager;

import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.spec.Quantities;
import dev.tinyvm.spec.Resources;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Who may run: promises of CPU and memory against the host's capacity, and the queue of those that must wait.
 *
 * <p>Strictly first come, first served: while somebody waits, nobody overtakes, so a large one is not starved by many small ones. (The
 * price: room that would do for a later small one stays empty until the first in the queue fits.) The monitor guards all fields; callbacks
 * run outside of it.
 *
 * <p>A Tiny VM that waits for a model lends its CPU: others may be admitted on it. It takes it back at once and without asking, so more can be promised than there is;
 * {@link #MOST_ADMITTED_FOR_CAPACITY} bounds how much. The kernel shares the CPU by weight then, and nobody new is admitted before it fits again.
 */
final class Admission {
    static final String INSUFFICIENT_CPU = "InsufficientCpu";
    static final String INSUFFICIENT_MEMORY = "InsufficientMemory";

    /** CPU that was admitted, in use or lent, against the capacity: how much would be wanted at once if all answers came together. Agents wait nine tenths of their life and more. */
    static final int MOST_ADMITTED_FOR_CAPACITY = 16;

    private final Capacity capacity;
    private final Map<String, Demand> admitted = new HashMap<>();
    private final LinkedHashMap<String, Waiting> queue = new LinkedHashMap<>();
    private final Set<String> lenders = new HashSet<>();
    private long cpuMillisPromised;
    private long cpuMillisLent;
    private long memoryBytesPromised;
    private boolean closed;

    Admission(Capacity capacity) {
        this.capacity = capacity;
    }

    /** @throws ManagerException {@code NEVER_FITS} when even the empty host is too small */
    void requireEverFits(Resources resources) {
        Demand demand = Demand.of(resources);
        if (demand.cpuMillis() > capacity.cpuMillis()) {
            throw new ManagerException(
                    Code.NEVER_FITS,
                    "it needs " + cores(demand.cpuMillis()) + ", and this host promises " + cores(capacity.cpuMillis())
                            + " in all; ask for less CPU, or start the manager with a larger --capacity");
        }
        if (demand.memoryBytes() > capacity.memoryBytes()) {
            throw new ManagerException(
                    Code.NEVER_FITS,
                    "it needs " + bytes(demand.memoryBytes()) + " of memory, and this host promises "
                            + bytes(capacity.memoryBytes())
                            + " in all; ask for less memory, or start the manager with a larger --capacity");
        }
    }

    /** Admits it now, or not at all: false when it does not fit or others wait. */
    synchronized boolean tryAdmit(String vm, Resources resources) {
        Demand demand = Demand.of(resources);
        if (closed || !queue.isEmpty() || !fits(demand)) {
            return false;
        }
        promise(vm, demand);
        return true;
    }

    /** Puts it at the end of the queue; {@code granted} runs once it is admitted. */
    void enqueue(String vm, Resources resources, Runnable granted) {
        synchronized (this) {
            queue.put(vm, new Waiting(Demand.of(resources), granted));
        }
        grant();
    }

    /** Counts what runs already, even beyond the capacity. */
    synchronized void admitRunning(String vm, Resources resources) {
        takeBack(vm);
        promise(vm, Demand.of(resources));
    }

    /** Gives back what it was promised, or takes it out of the queue. */
    void release(String vm) {
        synchronized (this) {
            queue.remove(vm);
            takeBack(vm);
        }
        grant();
    }

    /** Its CPU may be used by others from now on; its memory stays promised. */
    void lendCpu(String vm) {
        synchronized (this) {
            Demand demand = admitted.get(vm);
            if (demand == null || !lenders.add(vm)) {
                return;
            }
            cpuMillisPromised -= demand.cpuMillis();
            cpuMillisLent += demand.cpuMillis();
        }
        grant();
    }

    /** It wants its CPU again, and gets it whatever was promised meanwhile. */
    synchronized void takeCpuBack(String vm) {
        Demand demand = admitted.get(vm);
        if (demand != null && lenders.remove(vm)) {
            cpuMillisLent -= demand.cpuMillis();
            cpuMillisPromised += demand.cpuMillis();
        }
    }

    /** Changes a promise; growth is refused with {@code NO_CAPACITY} when it does not fit. Shrinking always works. */
    void resize(String vm, Resources resources) {
        synchronized (this) {
            Demand old = admitted.get(vm);
            if (old == null) {
                return;
            }
            Demand wanted = Demand.of(resources);
            int moreCpu = wanted.cpuMillis() - old.cpuMillis();
            long moreMemory = wanted.memoryBytes() - old.memoryBytes();
            if (moreCpu > 0 && moreCpu > freeCpuMillis()) {
                throw new ManagerException(
                        Code.NO_CAPACITY,
                        "it needs " + cores(moreCpu) + " more; " + Quantities.formatCpuMillis(freeCpuMillis()) + " of "
                                + Quantities.formatCpuMillis(capacity.cpuMillis()) + " are free");
            }
            if (moreMemory > 0 && moreMemory > freeMemoryBytes()) {
                throw new ManagerException(
                        Code.NO_CAPACITY,
                        "it needs " + bytes(moreMemory) + " more memory; " + bytes(freeMemoryBytes()) + " of "
                                + bytes(capacity.memoryBytes()) + " are free");
            }
            boolean lends = lenders.contains(vm);
            takeBack(vm);
            promise(vm, wanted);
            if (lends) {
                lenders.add(vm);
                cpuMillisPromised -= wanted.cpuMillis();
                cpuMillisLent += wanted.cpuMillis();
            }
        }
        grant();
    }

    /** Why it waits, in a word and a sentence; empty when it is not in the queue. */
    synchronized Optional<Wait> waiting(String vm) {
        Waiting entry = queue.get(vm);
        if (entry == null) {
            return Optional.empty();
        }
        int place = 1;
        for (String other : queue.keySet()) {
            if (other.equals(vm)) {
                break;
            }
            place++;
        }
        return Optional.of(wait(entry.demand(), ordinal(place) + " of " + queue.size() + " in the queue"));
    }

    /** Why this cannot be admitted now. */
    synchronized Wait refusal(Resources resources) {
        return wait(Demand.of(resources), queue.isEmpty() ? "nobody waits" : queue.size() + " wait before it");
    }

    synchronized Totals totals() {
        return new Totals(
                capacity, (int) Math.min(Integer.MAX_VALUE, cpuMillisPromised), memoryBytesPromised, queue.size());
    }

    /** Nobody is admitted from the queue any more. */
    synchronized void close() {
        closed = true;
    }

    private void grant() {
        List<Runnable> granted = new ArrayList<>();
        synchronized (this) {
            while (!closed && !queue.isEmpty()) {
                Map.Entry<String, Waiting> head = queue.firstEntry();
                if (!fits(head.getValue().demand())) {
                    break;
                }
                queue.pollFirstEntry();
                promise(head.getKey(), head.getValue().demand());
                granted.add(head.getValue().granted());
            }
        }
        granted.forEach(Runnable::run);
    }

    private Wait wait(Demand demand, String place) {
        if (demand.cpuMillis() > freeCpuMillis() || demand.memoryBytes() <= freeMemoryBytes()) {
            return new Wait(
                    INSUFFICIENT_CPU,
                    "needs " + cores(demand.cpuMillis()) + "; " + Quantities.formatCpuMillis(freeCpuMillis()) + " of "
                            + Quantities.formatCpuMillis(capacity.cpuMillis()) + " are free; " + place);
        }
        return new Wait(
                INSUFFICIENT_MEMORY,
                "needs " + bytes(demand.memoryBytes()) + " of memory; " + bytes(freeMemoryBytes()) + " of "
                        + bytes(capacity.memoryBytes()) + " are free; " + place);
    }

    private boolean fits(Demand demand) {
        return demand.cpuMillis() <= freeCpuMillis() && demand.memoryBytes() <= freeMemoryBytes();
    }

    private int freeCpuMillis() {
        long unused = capacity.cpuMillis() - cpuMillisPromised;
        long more = (long) MOST_ADMITTED_FOR_CAPACITY * capacity.cpuMillis() - cpuMillisPromised - cpuMillisLent;
        return (int) Math.max(0, Math.min(unused, more));
    }

    private long freeMemoryBytes() {
        return Math.max(0, capacity.memoryBytes() - memoryBytesPromised);
    }

    private void promise(String vm, Demand demand) {
        admitted.put(vm, demand);
        cpuMillisPromised += demand.cpuMillis();
        memoryBytesPromised += demand.memoryBytes();
    }

    private void takeBack(String vm) {
        Demand demand = admitted.remove(vm);
        if (demand != null) {
            if (lenders.remove(vm)) {
                cpuMillisLent -= demand.cpuMillis();
            } else {
                cpuMillisPromised -= demand.cpuMillis();
            }
            memoryBytesPromised -= demand.memoryBytes();
        }
    }

    private static String cores(long cpuMillis) {
        return Quantities.formatCpuMillis((int) cpuMillis) + (cpuMillis == 1_000 ? " core" : " cores");
    }

    private static String bytes(long bytes) {
        return Quantities.formatBytes(bytes);
    }

    private static String ordinal(int place) {
        return place == 1 ? "first" : "number " + place;
    }

    /** @param reason a word @param message a sentence */
    record Wait(String reason, String message) {}

    record Totals(Capacity capacity, int cpuMillisPromised, long memoryBytesPromised, int waiting) {}

    private record Demand(int cpuMillis, long memoryBytes) {
        static Demand of(Resources resources) {
            return new Demand(resources.cpuMillis(), resources.memoryBytes());
        }
    }

    private record Waiting(Demand demand, Runnable granted) {}
}
