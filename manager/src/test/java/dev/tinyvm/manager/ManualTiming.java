package dev.tinyvm.manager;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** A time that stands still until a test moves it. */
final class ManualTiming implements Timing {
    private final List<Entry> entries = new ArrayList<>();
    private Instant now = Instant.parse("2026-03-01T12:00:00Z");

    @Override
    public synchronized Instant now() {
        return now;
    }

    @Override
    public Alarm after(Duration delay, Runnable action) {
        Entry entry;
        synchronized (this) {
            entry = new Entry(now.plus(delay.isNegative() ? Duration.ZERO : delay), action);
            entries.add(entry);
        }
        if (!delay.isPositive()) {
            advance(Duration.ZERO);
        }
        return () -> {
            synchronized (this) {
                entries.remove(entry);
            }
        };
    }

    /** Moves on and sets off what is due, earliest first. */
    void advance(Duration by) {
        Instant end;
        synchronized (this) {
            end = now.plus(by);
        }
        while (true) {
            Entry due;
            synchronized (this) {
                due = entries.stream()
                        .filter(e -> !e.at.isAfter(end))
                        .min(Comparator.comparing(e -> e.at))
                        .orElse(null);
                if (due == null) {
                    now = end;
                    return;
                }
                entries.remove(due);
                if (due.at.isAfter(now)) {
                    now = due.at;
                }
            }
            due.action.run();
        }
    }

    synchronized int alarms() {
        return entries.size();
    }

    private static final class Entry {
        private final Instant at;
        private final Runnable action;

        Entry(Instant at, Runnable action) {
            this.at = at;
            this.action = action;
        }
    }
}
