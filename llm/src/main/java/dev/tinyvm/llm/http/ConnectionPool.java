package dev.tinyvm.llm.http;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** Connections to one provider that wait for their next call; the one that was used last is used first, so that those in excess grow old and are closed. For any thread. */
public final class ConnectionPool implements AutoCloseable {
    /** Providers close idle connections after a minute or so; ours must not be the ones they close. */
    private static final long IDLE_NANOS = 30_000_000_000L;

    private final String host;
    private final int port;
    private final Duration connect;
    private final Deque<ProviderConnection> idle = new ArrayDeque<>();
    private boolean closed;

    /** Opens none yet. */
    public ConnectionPool(String host, int port, Duration connect) {
        this.host = host;
        this.port = port;
        this.connect = connect;
    }

    /** One that waits; null: there is none. */
    public synchronized @Nullable ProviderConnection idle() {
        long now = System.nanoTime();
        while (!idle.isEmpty() && now - idle.getLast().idleSinceNanos() > IDLE_NANOS) {
            idle.removeLast().close();
        }
        return idle.pollFirst();
    }

    /** A new one. */
    public ProviderConnection open() throws IOException {
        return ProviderConnection.open(host, port, connect);
    }

    /** Its call is over; it is closed unless it can be used again. */
    public void giveBack(ProviderConnection connection) {
        synchronized (this) {
            if (!closed && connection.isReusable()) {
                connection.rested(System.nanoTime());
                idle.addFirst(connection);
                return;
            }
        }
        connection.close();
    }

    @Override
    public synchronized void close() {
        closed = true;
        idle.forEach(ProviderConnection::close);
        idle.clear();
    }
}
