package dev.tinyvm.e2b.proxy;

import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.engine.GuestConnection;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.FutureCallback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A connection that has left HTTP (a WebSocket): bytes go both ways as they come, by one virtual thread each way; whichever side ends first ends both.
 */
final class ClientTunnel extends AbstractConnection implements Connection.UpgradeTo {
    private static final Logger log = LoggerFactory.getLogger(ClientTunnel.class);
    private static final int BUFFER_BYTES = 16 << 10;

    private final GuestConnection guest;
    private final InputStream fromGuest;
    private ByteBuffer early = BufferUtil.EMPTY_BUFFER;

    private ClientTunnel(EndPoint client, Exchange exchange, GuestConnection guest, InputStream fromGuest) {
        super(client, exchange.request().getComponents().getExecutor());
        this.guest = guest;
        this.fromGuest = fromGuest;
    }

    /** Sends the 101 and takes the connection over. */
    static void open(Exchange exchange, HttpHead head, GuestConnection guest, InputStream fromGuest) {
        EndPoint client =
                exchange.request().getConnectionMetaData().getConnection().getEndPoint();
        exchange.header("Connection", "Upgrade");
        exchange.header("Upgrade", head.field("Upgrade"));
        exchange.request()
                .setAttribute(
                        HttpStream.UPGRADE_CONNECTION_ATTRIBUTE, new ClientTunnel(client, exchange, guest, fromGuest));
        exchange.response().setStatus(101);
        exchange.response().write(true, BufferUtil.EMPTY_BUFFER, exchange.handOver());
    }

    @Override
    public void onUpgradeTo(ByteBuffer buffer) {
        early = buffer == null ? BufferUtil.EMPTY_BUFFER : BufferUtil.copy(buffer);
    }

    @Override
    public void onOpen() {
        super.onOpen();
        Thread.ofVirtual().name("e2b-tunnel-in").start(() -> end(this::clientToGuest));
        Thread.ofVirtual().name("e2b-tunnel-out").start(() -> end(this::guestToClient));
    }

    @Override
    public void onFillable() {
        // Waiting is done by the thread that reads.
    }

    @Override
    public boolean onIdleExpired(TimeoutException timeout) {
        // A quiet WebSocket is not a dead one.
        return false;
    }

    private interface Direction {
        void run() throws IOException, InterruptedException, ExecutionException;
    }

    private void end(Direction direction) {
        try {
            direction.run();
        } catch (IOException | ExecutionException | RuntimeException e) {
            log.debug("a tunnel into a sandbox ended", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            guest.close();
            getEndPoint().close();
        }
    }

    private void clientToGuest() throws IOException, InterruptedException, ExecutionException {
        OutputStream to = guest.output();
        if (early.hasRemaining()) {
            to.write(BufferUtil.toArray(early));
            to.flush();
        }
        ByteBuffer buffer = BufferUtil.allocate(BUFFER_BYTES);
        while (true) {
            BufferUtil.clear(buffer);
            int filled = getEndPoint().fill(buffer);
            if (filled < 0) {
                return;
            }
            if (filled == 0) {
                FutureCallback readable = new FutureCallback();
                getEndPoint().fillInterested(readable);
                readable.get();
                continue;
            }
            to.write(buffer.array(), buffer.arrayOffset() + buffer.position(), buffer.remaining());
            to.flush();
        }
    }

    private void guestToClient() throws IOException, InterruptedException, ExecutionException {
        byte[] buffer = new byte[BUFFER_BYTES];
        for (int read = fromGuest.read(buffer); read >= 0; read = fromGuest.read(buffer)) {
            FutureCallback written = new FutureCallback();
            getEndPoint().write(written, ByteBuffer.wrap(buffer, 0, read));
            written.get();
        }
    }
}
