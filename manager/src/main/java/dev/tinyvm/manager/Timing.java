package dev.tinyvm.manager;

import java.time.Duration;
import java.time.Instant;

/** The time, so that tests can move it. */
interface Timing {
    Instant now();

    /** Runs a short action once, after a delay (none when it is negative), on a thread of its own kind; it must not block. */
    Alarm after(Duration delay, Runnable action);

    /** An action to come. */
    interface Alarm {
        /** It will not run, unless it does so just now. */
        void cancel();
    }
}
