package dev.tinyvm.spec;

import java.time.Duration;
import java.util.OptionalLong;

/**
 * What the manager does when a main process ends.
 *
 * @param policy when to start again
 * @param maxRestarts how many within {@code window} before the Tiny VM is {@code failed}; 0 means never restart
 * @param window the time that {@code maxRestarts} counts in
 * @param backoff wait before the first restart; doubles with each within the window
 * @param maxBackoff upper bound of the wait
 * @param maxMemoryBytes restart when the Tiny VM uses more than this (PM2's max_memory_restart); empty: never
 */
public record Restart(
        Policy policy,
        int maxRestarts,
        Duration window,
        Duration backoff,
        Duration maxBackoff,
        OptionalLong maxMemoryBytes) {
    /** When to start again. */
    public enum Policy {
        /** Ended is ended. */
        NEVER("never"),
        /** After an exit code other than 0, a signal, an OOM kill or a failed health check. */
        ON_FAILURE("on-failure"),
        /** After every end that was not asked for. */
        ALWAYS("always");

        private final String word;

        Policy(String word) {
            this.word = word;
        }

        /** The word in a descriptor. */
        public String word() {
            return word;
        }
    }

    /** What a descriptor without {@code restart} gets. */
    public static final Restart DEFAULT = new Restart(
            Policy.ON_FAILURE,
            5,
            Duration.ofMinutes(1),
            Duration.ofSeconds(1),
            Duration.ofMinutes(1),
            OptionalLong.empty());
}
