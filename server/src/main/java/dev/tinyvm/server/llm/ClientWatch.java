package dev.tinyvm.server.llm;

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

    private final Connection connection;
    private final Object lock = new Object();
    private Runnable gone = () -> {};
    private boolean watching;

    ClientWatch(Request request) {
        connection = request.getConnectionMetaData().getConnection();
    }

    /** Begins; the request's body has been read. */
    void start(Runnable whenGone) {
        synchronized (lock) {
            gone = whenGone;
            if (connection instanceof Connection.UpgradeTo
                    && connection.getEndPoint() instanceof AbstractEndPoint end) {
                watching = end.tryFillInterested(new Callback() {
                    @Override
                    public void succeeded() {
                        readable(end);
                    }

                    @Override
                    public void failed(Throwable cause) {
                        left();
                    }
                });
            }
        }
    }

    /** Ends; nothing is told or read from here on. */
    void stop() {
        synchronized (lock) {
            if (watching) {
                watching = false;
                if (connection.getEndPoint() instanceof AbstractEndPoint end) {
                    // Takes our question back: it calls succeeded(), which finds that nobody watches.
                    end.getFillInterest().fillable();
                }
            }
        }
    }

    private void readable(EndPoint end) {
        synchronized (lock) {
            if (!watching) {
                return;
            }
            watching = false;
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
                start(gone);
            }
        }
    }

    private void left() {
        synchronized (lock) {
            if (watching) {
                watching = false;
                log.debug("a client left while its call waited");
                gone.run();
            }
        }
    }
}
