package dev.tinyvm.server.llm;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Begins to watch the clients of calls that have run for a while. To watch a connection wakes the selector twice, which a call that is answered at once need not pay: so one thread looks every {@link #EVERY}, and ends when nobody waits.
 */
final class LongWaits {
    static final Duration EVERY = Duration.ofMillis(50);

    private static final LongWaits SHARED = new LongWaits();

    private final Set<ClientWatch> waiting = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean looking = new AtomicBoolean();

    private LongWaits() {}

    static LongWaits shared() {
        return SHARED;
    }

    void add(ClientWatch watch) {
        waiting.add(watch);
        if (!looking.get() && looking.compareAndSet(false, true)) {
            Thread.ofVirtual().name("tinyvm-llm-long-waits").start(this::look);
        }
    }

    void remove(ClientWatch watch) {
        waiting.remove(watch);
    }

    private void look() {
        try {
            while (true) {
                long began = System.nanoTime();
                Thread.sleep(EVERY);
                waiting.removeIf(watch -> {
                    boolean due = watch.sinceNanos() - began <= 0;
                    if (due) {
                        watch.watch();
                    }
                    return due;
                });
                if (waiting.isEmpty()) {
                    looking.set(false);
                    // One may have come just before that.
                    if (waiting.isEmpty() || !looking.compareAndSet(false, true)) {
                        return;
                    }
                }
            }
        } catch (InterruptedException e) {
            looking.set(false);
        }
    }
}
