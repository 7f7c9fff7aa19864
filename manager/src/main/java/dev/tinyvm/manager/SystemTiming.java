package dev.tinyvm.manager;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** The real time. One daemon thread sets off the alarms; whoever made this closes it. */
final class SystemTiming implements Timing, AutoCloseable {
    private static final Duration LONGEST = Duration.ofDays(365L * 100);

    private final Clock clock;
    private final ScheduledThreadPoolExecutor alarms;

    SystemTiming(Clock clock) {
        this.clock = clock;
        this.alarms = new ScheduledThreadPoolExecutor(1, task -> {
            Thread thread = new Thread(task, "tinyvm-alarms");
            thread.setDaemon(true);
            return thread;
        });
        alarms.setRemoveOnCancelPolicy(true);
        alarms.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    }

    @Override
    public Instant now() {
        return clock.instant();
    }

    @Override
    public Alarm after(Duration delay, Runnable action) {
        if (alarms.isShutdown()) {
            return () -> {};
        }
        Duration bounded = delay.compareTo(LONGEST) > 0 ? LONGEST : delay;
        Future<?> task = alarms.schedule(action, bounded.toNanos(), TimeUnit.NANOSECONDS);
        return () -> task.cancel(false);
    }

    @Override
    public void close() {
        alarms.shutdownNow();
    }
}
