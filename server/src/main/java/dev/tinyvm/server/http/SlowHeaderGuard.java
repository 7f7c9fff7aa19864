package dev.tinyvm.server.http;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.internal.HttpConnection;

/**
 * Closes connections whose request header does not become complete in time. An idle timeout does not catch those: each dribbled byte starts it anew.
 *
 * <p>A connection is judged while no request of it is being served: once bytes have come since the last request ended (or since it opened), the header must be complete
 * within the deadline.
 */
public final class SlowHeaderGuard implements Connection.Listener, AutoCloseable {
    private static final class State {
        volatile int serving;
        volatile long quietSinceNanos = System.nanoTime();
        volatile long bytesWhenQuiet;
    }

    private final Map<Connection, State> states = new ConcurrentHashMap<>();
    private final Duration deadline;
    private final Thread sweeper;

    public SlowHeaderGuard(Duration deadline) {
        this.deadline = deadline;
        this.sweeper = Thread.ofVirtual().name("tinyvm-slow-headers").start(this::sweep);
    }

    @Override
    public void onOpened(Connection connection) {
        if (connection instanceof HttpConnection) {
            states.put(connection, new State());
        }
    }

    @Override
    public void onClosed(Connection connection) {
        states.remove(connection);
    }

    /** A header is complete. */
    void begin(Request request) {
        Connection connection = request.getConnectionMetaData().getConnection();
        State state = states.get(connection);
        if (state == null) {
            return;
        }
        state.serving = 1;
        Request.addCompletionListener(request, failure -> {
            state.bytesWhenQuiet = connection.getBytesIn();
            state.quietSinceNanos = System.nanoTime();
            state.serving = 0;
        });
    }

    @Override
    public void close() {
        sweeper.interrupt();
    }

    private void sweep() {
        try {
            while (true) {
                Thread.sleep(Math.max(100, Math.min(5000, deadline.toMillis() / 4)));
                long now = System.nanoTime();
                states.forEach((connection, state) -> {
                    if (state.serving == 0
                            && connection.getBytesIn() > state.bytesWhenQuiet
                            && now - state.quietSinceNanos > deadline.toNanos()) {
                        connection.getEndPoint().close();
                    }
                });
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
