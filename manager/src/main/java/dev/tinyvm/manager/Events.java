package dev.tinyvm.manager;

import dev.tinyvm.manager.Manager.Event;
import dev.tinyvm.manager.Manager.EventStream;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What happened: the last events in memory, all of them stored first.
 *
 * <p>An event gets its number from the store's writer, in the order of the stored changes, and is shown once it is on disk: a follower
 * never sees an event that a killed manager forgets. Followers read from the ring at their own pace; one that fell behind the ring is
 * told how many it missed by an event {@code overflow}, and nobody waits for it. The lock guards the ring; the sequence belongs to the writer.
 */
final class Events {
    /** Type of the event that tells a slow follower what it missed; not stored. */
    static final String OVERFLOW = "overflow";

    private static final int TRIM_EVERY = 500;

    private final Timing timing;
    private final int kept;
    private final Event[] ring;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition news = lock.newCondition();
    private long last;
    private long first = 1;
    private boolean closed;
    private long lastAssigned;

    Events(Store store, Timing timing, int kept) {
        this.timing = timing;
        this.kept = kept;
        this.ring = new Event[kept];
        List<Event> stored = store.read(
                "SELECT * FROM (SELECT sequence, at, type, vm_id, vm_name, agent, message, attributes FROM events ORDER BY sequence DESC LIMIT "
                        + kept + ") ORDER BY sequence",
                row -> new Event(
                        row.getLong(1),
                        Micros.toInstant(row.getLong(2)),
                        row.getString(3),
                        row.getString(4),
                        row.getString(5),
                        row.getString(6),
                        row.getString(7),
                        AgentCodec.decodeMap(row.getBytes(8))));
        if (!stored.isEmpty()) {
            first = stored.getFirst().sequence();
            last = stored.getLast().sequence();
            lastAssigned = last;
            stored.forEach(e -> ring[slot(e.sequence())] = e);
        }
    }

    /** About one Tiny VM. */
    Change about(VmRecord vm, String type, String message, Map<String, String> attributes) {
        return new Addition(type, vm.id(), vm.name(), vm.agent(), message, attributes);
    }

    /** About an agent, or nothing in particular (empty name). */
    Change about(String agent, String type, String message, Map<String, String> attributes) {
        return new Addition(type, "", "", agent, message, attributes);
    }

    EventStream stream(long after, boolean follow) {
        return new Follower(after, follow);
    }

    /** Ends all streams. */
    void close() {
        lock.lock();
        try {
            closed = true;
            news.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private int slot(long sequence) {
        return (int) (sequence % kept);
    }

    private void publish(Event event) {
        lock.lock();
        try {
            ring[slot(event.sequence())] = event;
            last = event.sequence();
            first = Math.max(first, last - kept + 1);
            news.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private final class Addition implements Change {
        private final Instant at = Micros.exact(timing.now());
        private final String type;
        private final String vmId;
        private final String vmName;
        private final String agent;
        private final String message;
        private final Map<String, String> attributes;
        private long sequence;

        Addition(
                String type, String vmId, String vmName, String agent, String message, Map<String, String> attributes) {
            this.type = type;
            this.vmId = vmId;
            this.vmName = vmName;
            this.agent = agent;
            this.message = message;
            this.attributes = Map.copyOf(attributes);
        }

        @Override
        public void apply(Statements statements) throws java.sql.SQLException {
            sequence = ++lastAssigned;
            statements.run(
                    "INSERT INTO events(sequence, at, type, vm_id, vm_name, agent, message, attributes) VALUES (?,?,?,?,?,?,?,?)",
                    sequence,
                    Micros.of(at),
                    type,
                    vmId,
                    vmName,
                    agent,
                    message,
                    AgentCodec.encodeMap(attributes));
            if (sequence % TRIM_EVERY == 0) {
                statements.run("DELETE FROM events WHERE sequence <= ?", sequence - kept);
            }
        }

        @Override
        public void committed() {
            publish(new Event(sequence, at, type, vmId, vmName, agent, message, attributes));
        }

        @Override
        public void rolledBack() {
            if (sequence != 0) {
                lastAssigned = Math.min(lastAssigned, sequence - 1);
            }
        }
    }

    private final class Follower implements EventStream {
        private final boolean follow;
        private long next;
        private volatile boolean over;

        Follower(long after, boolean follow) {
            this.follow = follow;
            this.next = Math.max(0, after) + 1;
            lock.lock();
            try {
                if (after <= 0) {
                    next = first;
                }
            } finally {
                lock.unlock();
            }
        }

        @Override
        public Optional<Event> next(Duration timeout) throws InterruptedException {
            long left = timeout.toNanos();
            lock.lockInterruptibly();
            try {
                while (true) {
                    if (over) {
                        return Optional.empty();
                    }
                    if (next < first) {
                        Event missed = missed(first - next);
                        next = first;
                        return Optional.of(missed);
                    }
                    if (next <= last) {
                        return Optional.of(ring[slot(next++)]);
                    }
                    if (!follow || closed) {
                        over = true;
                        return Optional.empty();
                    }
                    if (left <= 0) {
                        return Optional.empty();
                    }
                    left = news.awaitNanos(left);
                }
            } finally {
                lock.unlock();
            }
        }

        @Override
        public boolean ended() {
            return over;
        }

        @Override
        public void close() {
            lock.lock();
            try {
                over = true;
                news.signalAll();
            } finally {
                lock.unlock();
            }
        }

        private Event missed(long count) {
            return new Event(
                    first - 1,
                    Micros.exact(timing.now()),
                    OVERFLOW,
                    "",
                    "",
                    "",
                    count + " events came faster than they were read and are no longer kept",
                    Map.of("missed", Long.toString(count)));
        }
    }
}
