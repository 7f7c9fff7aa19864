package dev.tinyvm.guestlink;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** LISTEN: WATCHING, then INBOUND streams until it is closed. */
final class ListenStream extends LinkStream implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ListenStream.class);

    private final CompletableFuture<Boolean> listening = new CompletableFuture<>();
    private final Consumer<GuestConnection> handler;

    ListenStream(GuestLink link, String attempt, Consumer<GuestConnection> handler) {
        super(link, attempt);
        this.handler = handler;
    }

    CompletableFuture<Boolean> listening() {
        return listening;
    }

    /** Hands a connection that the guest has opened to the handler. */
    void accepted(ConnectionStream connection) {
        Thread.ofVirtual().name("inbound-" + link.streams().machine()).start(() -> serve(connection));
    }

    @Override
    public void close() {
        link.streams().cancel(this);
    }

    @Override
    void onFrame(GuestMessage message, PayloadReader payload) throws WireException {
        if (message != GuestMessage.WATCHING || listening.isDone()) {
            throw unexpected(message);
        }
        listening.complete(true);
    }

    @Override
    void onError(int errno, String message) {
        listening.completeExceptionally(GuestErrors.engine(link.streams().machine(), attempt, errno, message));
    }

    @Override
    void onLost(LinkEnd end) {
        listening.completeExceptionally(link.streams().gone(attempt));
    }

    private void serve(ConnectionStream connection) {
        connection.dialed();
        try {
            handler.accept(connection);
        } catch (RuntimeException e) {
            LOG.warn(
                    "a connection from inside {} failed in its handler",
                    link.streams().machine(),
                    e);
            connection.close();
        }
    }
}
