package dev.tinyvm.guestlink;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Bounds what programs inside can make the host hold: connections they opened, and closed ones whose other side stays open. */
final class InboundStreams {
    private final AtomicInteger open = new AtomicInteger();
    private final Deque<ConnectionStream> lingering = new ArrayDeque<>();

    /** Counts one more connection from inside; false: there are too many. */
    boolean mayAccept() {
        if (open.incrementAndGet() > LinkLimits.MAX_INBOUND) {
            open.decrementAndGet();
            return false;
        }
        return true;
    }

    void ended() {
        open.decrementAndGet();
    }

    /** Remembers a connection that only the host has closed; gives back the oldest when there are too many. */
    synchronized @Nullable ConnectionStream linger(ConnectionStream stream) {
        lingering.addLast(stream);
        return lingering.size() > LinkLimits.MAX_LINGERING ? lingering.removeFirst() : null;
    }

    synchronized void lingered(ConnectionStream stream) {
        lingering.remove(stream);
    }
}
