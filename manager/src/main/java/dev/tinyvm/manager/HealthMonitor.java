package dev.tinyvm.manager;

import dev.tinyvm.engine.Machine;
import dev.tinyvm.spec.Health;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Tries a health check again and again while one run lasts. Results are handed over on threads of its own; whoever gets them counts. The
 * next try begins one interval after the last one ended. While the Tiny VM is paused nothing is tried; one that waits for a model is woken for it.
 */
final class HealthMonitor {
    private final Timing timing;
    private final Health health;
    private final Machine machine;
    private final Map<String, String> env;
    private final Supplier<Boolean> frozen;
    private final Supplier<VmActivity.Hold> holds;
    private final Listener listener;
    private final Instant countsFrom;
    private int failuresInARow;
    private Timing.@Nullable Alarm alarm;
    private @Nullable HealthProbe current;
    private boolean stopped;

    HealthMonitor(
            Timing timing,
            Health health,
            Machine machine,
            Map<String, String> env,
            Supplier<Boolean> frozen,
            Supplier<VmActivity.Hold> holds,
            Listener listener) {
        this.timing = timing;
        this.health = health;
        this.machine = machine;
        this.env = env;
        this.frozen = frozen;
        this.holds = holds;
        this.listener = listener;
        this.countsFrom = timing.now().plus(health.startPeriod());
    }

    synchronized void start() {
        if (!stopped) {
            alarm = timing.after(
                    health.interval(),
                    () -> Thread.ofVirtual().name(machine.id() + "-health").start(this::tryOnce));
        }
    }

    synchronized void stop() {
        stopped = true;
        if (alarm != null) {
            alarm.cancel();
        }
        if (current != null) {
            current.cancel();
        }
    }

    private void tryOnce() {
        HealthProbe probe = new HealthProbe(machine, health.check(), env);
        synchronized (this) {
            if (stopped) {
                return;
            }
            current = probe;
        }
        if (!frozen.get()) {
            AtomicBoolean late = new AtomicBoolean();
            Timing.Alarm deadline = timing.after(health.timeout(), () -> {
                late.set(true);
                Thread.ofVirtual().start(probe::cancel);
            });
            try {
                Optional<String> trouble = probe(probe);
                deadline.cancel();
                count(late.get() ? Optional.of("no answer within " + text(health)) : trouble);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
        start();
    }

    private Optional<String> probe(HealthProbe probe) throws InterruptedException {
        try (VmActivity.Hold _ = holds.get()) {
            return probe.run();
        } catch (ManagerException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    private void count(Optional<String> trouble) {
        synchronized (this) {
            if (stopped || frozen.get()) {
                return;
            }
            if (trouble.isEmpty()) {
                failuresInARow = 0;
            } else if (timing.now().isBefore(countsFrom)) {
                return;
            } else if (++failuresInARow < health.retries()) {
                return;
            }
        }
        listener.result(this, trouble);
    }

    private static String text(Health health) {
        return health.timeout().toMillis() + " ms";
    }

    /** Called on a thread of the monitor. */
    interface Listener {
        /** @param trouble empty: healthy; else it failed {@code retries} times in a row, and this is the last answer */
        void result(HealthMonitor monitor, Optional<String> trouble);
    }
}
