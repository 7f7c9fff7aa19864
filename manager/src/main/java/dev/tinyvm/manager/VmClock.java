package dev.tinyvm.manager;

import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmUse;
import java.time.Duration;
import java.time.Instant;

/**
 * How long a Tiny VM ran and waited under this manager. The durable account is the ledger's; this is what {@code inspect} shows. The monitor guards it; changes come one
 * after another.
 */
final class VmClock {
    private VmState state;
    private Instant since;
    private Duration active = Duration.ZERO;
    private Duration waiting = Duration.ZERO;
    private long waits;
    private long cpuMicros;

    VmClock(VmState state, Instant now) {
        this.state = state;
        this.since = now;
    }

    synchronized void changed(VmState to, Instant now) {
        active = active(now);
        waiting = waiting(now);
        if (to == VmState.WAITING && state != VmState.WAITING) {
            waits++;
        }
        state = to;
        since = now;
    }

    /** CPU time of a machine that is over. */
    synchronized void used(long micros) {
        cpuMicros = micros;
    }

    synchronized VmUse use(Instant now) {
        return new VmUse(active(now), waiting(now), waits, cpuMicros);
    }

    private Duration active(Instant now) {
        return state == VmState.RUNNING || state == VmState.STOPPING ? active.plus(between(now)) : active;
    }

    private Duration waiting(Instant now) {
        return state == VmState.WAITING ? waiting.plus(between(now)) : waiting;
    }

    private Duration between(Instant now) {
        Duration passed = Duration.between(since, now);
        return passed.isNegative() ? Duration.ZERO : passed;
    }
}
