package dev.tinyvm.network;

import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Ends a connection that is too slow, too old or too large: blocking reads on a guest link have no deadline of their own. One alarm is set at a time; traffic only
 * writes a number, and the alarm sets itself anew when it finds that there was some.
 */
final class ConnectionGuard implements AutoCloseable {
    private final ScheduledExecutorService timer;
    private final Runnable end;
    private final long startedNanos = System.nanoTime();
    private final long lifetimeNanos;
    private final long mostBytes;
    private volatile long lastNanos = startedNanos;
    private volatile long limitNanos;
    private volatile boolean renewed;
    private volatile String expired = "";
    private long bytes;
    private @Nullable ScheduledFuture<?> alarm;
    private boolean closed;

    /** @param end called once from the timer's thread: closes the connection, at once */
    ConnectionGuard(ScheduledExecutorService timer, EgressLimits limits, Runnable end) {
        this.timer = timer;
        this.end = end;
        this.lifetimeNanos = limits.lifetime().toNanos();
        this.mostBytes = limits.bytesPerConnection();
    }

    /** From now on so long in all, whatever moves. */
    void within(Duration limit) {
        set(limit, false);
    }

    /** From now on so long without a byte. */
    void idle(Duration limit) {
        set(limit, true);
    }

    /** Bytes have moved. */
    void moved(int count) {
        if (renewed) {
            lastNanos = System.nanoTime();
        }
        synchronized (this) {
            bytes += count;
            if (bytes <= mostBytes) {
                return;
            }
        }
        expire("bytes-limit");
    }

    /** Why it was ended; empty: it was not. */
    String expired() {
        return expired;
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (alarm != null) {
            alarm.cancel(false);
        }
    }

    private synchronized void set(Duration limit, boolean renew) {
        renewed = renew;
        lastNanos = System.nanoTime();
        limitNanos = limit.toNanos();
        schedule();
    }

    private synchronized void schedule() {
        if (closed) {
            return;
        }
        if (alarm != null) {
            alarm.cancel(false);
        }
        alarm = timer.schedule(this::look, left(), TimeUnit.NANOSECONDS);
    }

    private long left() {
        long now = System.nanoTime();
        return Math.min(lastNanos + limitNanos - now, startedNanos + lifetimeNanos - now);
    }

    private void look() {
        if (left() > 0) {
            schedule();
        } else {
            expire(System.nanoTime() - startedNanos >= lifetimeNanos ? "lifetime" : "too-slow");
        }
    }

    private void expire(String why) {
        synchronized (this) {
            if (closed || !expired.isEmpty()) {
                return;
            }
            expired = why;
        }
        end.run();
    }
}
