package dev.tinyvm.sdk;

import java.time.Instant;
import java.util.Optional;

/**
 * Which log lines.
 *
 * @param tail the last so many; −1: all
 * @param since only from then on
 * @param follow go on as new lines come
 */
public record LogFilter(int tail, Optional<Instant> since, boolean follow) {
    public static final LogFilter ALL = new LogFilter(-1, Optional.empty(), false);
}
