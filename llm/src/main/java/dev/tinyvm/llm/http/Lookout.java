package dev.tinyvm.llm.http;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;

/**
 * One thread that looks at all that is under way, every {@link #EVERY}: what a timer of its own for each would cost on the hot path (to set one wakes a thread, to cancel it wakes it again) is not paid. It goes on for a while after the last is
 * gone, since to start it costs as much, and ends then, so that an idle manager does nothing. For any thread.
 *
 * @param <T> what is looked at
 */
public final class Lookout<T> {
    /** Between two looks: what is due is seen so much late at most. */
    public static final Duration EVERY = Duration.ofMillis(50);

    private static final int IDLE_LOOKS = 100;

    private final String name;
    private final Predicate<? super T> look;
    private final Set<T> all = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean looking = new AtomicBoolean();

    /**
     * Looks at nothing yet.
     *
     * @param name of its thread
     * @param look at one; it must neither block nor throw. True: that was the last time
     */
    public Lookout(String name, Predicate<? super T> look) {
        this.name = name;
        this.look = look;
    }

    /** From now on it is looked at. */
    public void add(T one) {
        all.add(one);
        if (!looking.get() && looking.compareAndSet(false, true)) {
            Thread.ofVirtual().name(name).start(this::run);
        }
    }

    /** No more. A look that has begun may still end. */
    public void remove(T one) {
        all.remove(one);
    }

    private void run() {
        try {
            int idle = 0;
            while (true) {
                Thread.sleep(EVERY);
                all.removeIf(look);
                idle = all.isEmpty() ? idle + 1 : 0;
                if (idle >= IDLE_LOOKS) {
                    looking.set(false);
                    // One may have come just before that.
                    if (all.isEmpty() || !looking.compareAndSet(false, true)) {
                        return;
                    }
                    idle = 0;
                }
            }
        } catch (InterruptedException e) {
            looking.set(false);
        }
    }
}
