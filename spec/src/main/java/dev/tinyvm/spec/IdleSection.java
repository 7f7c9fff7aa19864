package dev.tinyvm.spec;

import java.time.Duration;
import java.util.Optional;

/** Reads {@code spec.idle}. */
final class IdleSection {
    static final Keys KEYS = Keys.of("freezeOnLlm", "pauseAfter", "stopAfter");

    private IdleSection() {}

    static Idle read(Section section) {
        Optional<Duration> pauseAfter = after(section, "pauseAfter");
        Optional<Duration> stopAfter = after(section, "stopAfter");
        if (pauseAfter.isPresent() && stopAfter.isPresent() && stopAfter.get().compareTo(pauseAfter.get()) <= 0) {
            section.problem(
                    "stopAfter",
                    "is " + Quantities.formatDuration(stopAfter.get()) + ", not longer than pauseAfter ("
                            + Quantities.formatDuration(pauseAfter.get())
                            + "); both count from the same moment, make it longer or leave pauseAfter out");
        }
        return new Idle(section.bool("freezeOnLlm", Idle.DEFAULT.freezeOnLlm()), pauseAfter, stopAfter);
    }

    private static Optional<Duration> after(Section section, String key) {
        return section.has(key)
                ? Optional.of(section.duration(key, Limits.MIN_IDLE, Limits.MAX_IDLE, Limits.MIN_IDLE))
                : Optional.empty();
    }
}
