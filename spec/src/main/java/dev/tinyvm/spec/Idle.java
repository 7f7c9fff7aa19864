package dev.tinyvm.spec;

import java.time.Duration;
import java.util.Optional;

/**
 * What happens to a Tiny VM that does nothing.
 *
 * @param freezeOnLlm whether it is frozen while it only waits for a model's answer
 * @param pauseAfter idle time after which it is paused; empty: never
 * @param stopAfter idle time after which it is stopped; empty: never
 */
public record Idle(boolean freezeOnLlm, Optional<Duration> pauseAfter, Optional<Duration> stopAfter) {
    /** Frozen while it waits for a model, otherwise left alone. */
    public static final Idle DEFAULT = new Idle(true, Optional.empty(), Optional.empty());
}
