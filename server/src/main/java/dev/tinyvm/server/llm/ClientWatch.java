package dev.tinyvm.server.llm;

import dev.tinyvm.llm.http.Lookout;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.eclipse.jetty.io.AbstractEndPoint;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sees that a client has gone while its call waits for a model, which may be minutes before there is a byte to write. Jetty does not read from an HTTP/1.1 connection while a request is being answered, so this does: it
 * asks to be told when the connection can be read. The end of the stream means that the client has gone; a byte is the next request of a client that does not wait, and is given back to the connection.
 *
 * <p>{@link #stop} must come before the request is completed, since from then on the connection reads by itself. Where the connection is of another kind, nothing is watched, and a client that has gone is seen by the next write.
 */
final class ClientWatch {
    private static final Logger log = LoggerFactory.getLogger(ClientWatch.class);

    /** Of calls that run for a while: to watch a connection wakes the selector twice, which a call that is answered at once need not pay. */
    private static final Lookout<ClientWatch> LONG_WAITS =
            new Lookout<>("tinyvm-llm-long-waits", ClientWatch::watchWhenDue);

    private final Connection connection;
    private final Object lock = new Object();
    private Runnable gone = () -> {};
    private State state = State.NEW;
    private long sinceNanos;

    private enum State {
        NEW,
        /** The call runs; nobody watches yet. */
        WAITING,
        WATCHING,
        OVER
    }

    ClientWatch(Request request) {
        connection = request.getConnectionMetaData().getConnection();
    }

    /** The request's body has been read: from soon on its client is watched. */
    void start(Runnable whenGone) {
        synchronized (lock) {
            gone = whenGone;
            state = State.WAITING;
            sinceNanos = System.nanoTime();
        }
        LONG_WAITS.add(this);
    }

    private boolean watchWhenDue() {
        synchronized (lock) {
            boolean due = System.nanoTime() - sinceNanos >= Lookout.EVERY.toNanos();
            if (due) {
                watch();
            }
            return due;
        }
    }

    /** Begins to watch, when the call still runs. */
    private void watch() {
        synchronized (lock) {
            if (state == State.WAITING
                    && connection instanceof Connection.UpgradeTo
                    && connection.getEndPoint() instanceof AbstractEndPoint end) {
                state = State.WATCHING;
                boolean asked = end.tryFillInterested(new Callback() {
                    @Override
                    public void succeeded() {
                        readable(end);
                    }

                    @Override
                    public void failed(Throwable cause) {
                        left();
                    }
                });
                if (!asked) {
                    state = State.WAITING;
                }
            }
        }
    }

    /** Ends; nothing is told or read from here on. */
    void stop() {
        LONG_WAITS.remove(this);
        synchronized (lock) {
            boolean watched = state == State.WATCHING;
            state = State.OVER;
            if (watched && connection.getEndPoint() instanceof AbstractEndPoint end) {
                // Takes our question back: it calls succeeded(), which finds that nobody watches.
                end.getFillInterest().fillable();
            }
        }
    }

    private void readable(EndPoint end) {
        synchronized (lock) {
            if (state != State.WATCHING) {
                return;
            }
            state = State.WAITING;
            ByteBuffer one = BufferUtil.allocate(1);
            int read;
            try {
                read = end.fill(one);
            } catch (IOException e) {
                read = -1;
            }
            if (read < 0) {
                gone.run();
            } else if (read > 0) {
                ((Connection.UpgradeTo) connection).onUpgradeTo(one);
            } else {
                watch();
            }
        }
    }

    private void left() {
        synchronized (lock) {
            if (state == State.WATCHING) {
                state = State.OVER;
                log.debug("a client left while its call waited");
                gone.run();
            }
        }
    }
}
