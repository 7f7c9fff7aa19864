package dev.tinyvm.manager;

import static dev.tinyvm.manager.Manager.VmState.FAILED;
import static dev.tinyvm.manager.Manager.VmState.PAUSED;
import static dev.tinyvm.manager.Manager.VmState.PENDING;
import static dev.tinyvm.manager.Manager.VmState.RUNNING;
import static dev.tinyvm.manager.Manager.VmState.STARTING;
import static dev.tinyvm.manager.Manager.VmState.STOPPED;
import static dev.tinyvm.manager.Manager.VmState.STOPPING;
import static dev.tinyvm.manager.Manager.VmState.WAITING;

import dev.tinyvm.manager.Manager.VmState;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The one table of what may follow what. {@code docs/manager.md} draws it.
 */
final class VmTransitions {
    private static final Map<VmState, Set<VmState>> TABLE = new EnumMap<>(Map.of(
            // Capacity was granted; or stopped while it was queued.
            PENDING, EnumSet.of(STARTING, STOPPED),
            // The main process runs; or it could not be started; or stopped meanwhile.
            STARTING, EnumSet.of(RUNNING, FAILED, STOPPING),
            // To STARTING for a restart; to STOPPED when the main process completed.
            RUNNING, EnumSet.of(WAITING, PAUSED, STARTING, STOPPING, STOPPED, FAILED),
            // Frozen for a call to a model. Whatever it does itself, it does after it was woken; its machine may end,
            // as when paused.
            WAITING, EnumSet.of(RUNNING, PAUSED, STARTING, STOPPING, FAILED),
            // Its machine may end while it is frozen, hence the same ends as RUNNING; STOPPED is only reached through
            // STOPPING then.
            PAUSED, EnumSet.of(RUNNING, STARTING, STOPPING, FAILED),
            STOPPING, EnumSet.of(STOPPED),
            // Started again: through the queue, or at once when there is room.
            STOPPED, EnumSet.of(PENDING, STARTING),
            FAILED, EnumSet.of(PENDING, STARTING)));

    private static final Set<Pair> SEEN = ConcurrentHashMap.newKeySet();

    private VmTransitions() {}

    /** @throws IllegalStateException when the table does not have it: a mistake in this module */
    static void check(VmState from, VmState to) {
        if (from != to && !TABLE.getOrDefault(from, Set.of()).contains(to)) {
            throw new IllegalStateException("no Tiny VM goes from " + from.word() + " to " + to.word());
        }
        SEEN.add(new Pair(from, to));
    }

    static Map<VmState, Set<VmState>> table() {
        return TABLE;
    }

    /** What this process has done so far, for the test of the table. */
    static Set<Pair> seen() {
        return Set.copyOf(SEEN);
    }

    record Pair(VmState from, VmState to) {}
}
