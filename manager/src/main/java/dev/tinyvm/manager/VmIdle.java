package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.Machine.Pulse;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.spec.Idle;
import dev.tinyvm.spec.Quantities;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Pauses or stops a Tiny VM that has been idle for as long as its descriptor says: {@code idle.pauseAfter} and {@code idle.stopAfter}. Looks now and then, only at those
 * that say so. All in turns. Idleness is counted from this manager's start at the earliest.
 */
@SuppressWarnings("ReferenceEquality") // Which machine it is, not how it looks.
final class VmIdle {
    /** Reason of a Tiny VM that was paused or stopped because it was idle. */
    static final String REASON = "Idle";

    private static final Logger LOG = LoggerFactory.getLogger(VmIdle.class);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(10);
    private static final Duration SHORTEST_PAUSE = Duration.ofMillis(250);
    private static final int LOOKS = 4;
    /** Of a core: what a waiting program and its health check use. */
    private static final double IDLE_CORES = 0.01;

    private final TinyVm vm;
    private final Shared shared;
    private final Turns turns;
    private Timing.@Nullable Alarm alarm;
    private Instant idleSince = Instant.MIN;
    private @Nullable Look last;

    VmIdle(TinyVm vm, Shared shared, Turns turns) {
        this.vm = vm;
        this.shared = shared;
        this.turns = turns;
    }

    /** It runs, or was taken up: idleness counts from now. */
    void begin() {
        cancel();
        Idle idle = vm.spec().idle();
        if (idle.pauseAfter().isPresent() || idle.stopAfter().isPresent()) {
            idleSince = shared.timing().now();
            last = null;
            later(pause(idle));
        }
    }

    void cancel() {
        if (alarm != null) {
            alarm.cancel();
            alarm = null;
        }
    }

    private void later(Duration delay) {
        alarm = shared.timing().after(delay, () -> turns.post(this::look));
    }

    private void look() {
        alarm = null;
        if (vm.gone()) {
            return;
        }
        VmRecord record = vm.record();
        Idle idle = vm.spec().idle();
        boolean pausedForIt =
                record.state() == VmState.PAUSED && record.phase().reason().equals(REASON);
        if (!pausedForIt && record.state() != VmState.RUNNING && record.state() != VmState.WAITING) {
            // Whoever makes it run again begins anew.
            return;
        }
        Instant now = shared.timing().now();
        if (!pausedForIt && !isIdle()) {
            idleSince = now;
        }
        Duration so = Duration.between(idleSince, now);
        if (idle.stopAfter().filter(most -> so.compareTo(most) >= 0).isPresent()) {
            CompletableFuture<Void> _ = vm.beginStop(REASON);
            return;
        }
        if (!pausedForIt
                && idle.pauseAfter().filter(most -> so.compareTo(most) >= 0).isPresent()) {
            vm.pauseNow(
                    record,
                    REASON,
                    "idle for " + Quantities.formatDuration(idle.pauseAfter().orElse(so)));
        }
        later(pause(idle));
    }

    /** Nothing under way, nothing since the last look, and no CPU to speak of. */
    private boolean isIdle() {
        Machine machine = vm.machine();
        if (machine == null || !vm.waiting().nothingUnderWay()) {
            last = null;
            return false;
        }
        Pulse pulse;
        try {
            pulse = machine.pulse();
        } catch (EngineException e) {
            LOG.info("whether {} is idle cannot be told: {}", vm.record().name(), e.getMessage());
            return false;
        }
        Look look = new Look(vm.waiting().doings(), shared.timing().now(), pulse);
        Look before = last;
        last = look;
        return before != null && look.idleSince(before);
    }

    private static Duration pause(Idle idle) {
        Duration shortest = Stream.of(idle.pauseAfter(), idle.stopAfter())
                .flatMap(java.util.Optional::stream)
                .min(Duration::compareTo)
                .orElse(LONGEST_PAUSE)
                .dividedBy(LOOKS);
        if (shortest.compareTo(LONGEST_PAUSE) > 0) {
            return LONGEST_PAUSE;
        }
        return shortest.compareTo(SHORTEST_PAUSE) < 0 ? SHORTEST_PAUSE : shortest;
    }

    /** @param doings {@link VmWaiting#doings} at that time */
    private record Look(long doings, Instant at, Pulse pulse) {
        boolean idleSince(Look before) {
            long used = pulse.cpuNanos() - before.pulse().cpuNanos();
            return doings == before.doings()
                    && !pulse.busy()
                    && pulse.routedFlows() == 0
                    && used <= IDLE_CORES * Duration.between(before.at(), at).toNanos();
        }
    }
}
