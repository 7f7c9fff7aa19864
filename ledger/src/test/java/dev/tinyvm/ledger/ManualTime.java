package dev.tinyvm.ledger;

import java.time.Duration;
import java.time.Instant;

/** Clocks that stand still until a test moves them. */
final class ManualTime implements LedgerTime {
    private long wallMillis = Instant.parse("2026-03-01T12:00:00Z").toEpochMilli();
    private long nanos = 5;

    @Override
    public synchronized long wallMillis() {
        return wallMillis;
    }

    @Override
    public synchronized long nanos() {
        return nanos;
    }

    synchronized void advance(Duration by) {
        wallMillis += by.toMillis();
        nanos += by.toNanos();
    }

    void seconds(long seconds) {
        advance(Duration.ofSeconds(seconds));
    }

    /** Somebody sets the host's clock. */
    synchronized void step(Duration by) {
        wallMillis += by.toMillis();
    }
}
