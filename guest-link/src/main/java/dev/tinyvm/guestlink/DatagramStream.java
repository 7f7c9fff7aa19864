package dev.tinyvm.guestlink;

import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * DATAGRAMS: WATCHING, then datagrams of processes inside until it is closed. Each is answered on a virtual thread of its own, at most {@value #AT_ONCE} at once; those beyond
 * are lost, as are answers for which there is no credit: whoever asks over UDP asks again.
 */
final class DatagramStream extends LinkStream implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DatagramStream.class);
    private static final int AT_ONCE = 64;
    private static final int MOST_BYTES = 4_096;
    private static final int PORT_BYTES = 2;

    private final CompletableFuture<Boolean> listening = new CompletableFuture<>();
    private final Function<byte[], Optional<byte[]>> answering;
    private final Semaphore room = new Semaphore(AT_ONCE);
    private final SendWindow sending;
    // The monitor guards it.
    private final ReceiveWindow receiving = new ReceiveWindow();

    DatagramStream(GuestLink link, String attempt, Function<byte[], Optional<byte[]>> answering) {
        super(link, attempt);
        this.answering = answering;
        this.sending = new SendWindow(link.streams().sendWindow());
    }

    CompletableFuture<Boolean> listening() {
        return listening;
    }

    @Override
    public void close() {
        sending.close();
        link.streams().cancel(this);
    }

    @Override
    void onFrame(GuestMessage message, PayloadReader payload) throws WireException {
        if (message == GuestMessage.WATCHING && !listening.isDone()) {
            listening.complete(true);
            return;
        }
        if (message != GuestMessage.DATAGRAM || !listening.isDone()) {
            throw unexpected(message);
        }
        int size = payload.remaining();
        int port = payload.u16();
        byte[] bytes = payload.bytes();
        if (port == 0 || bytes.length == 0 || bytes.length > MOST_BYTES) {
            throw new WireException("a datagram of " + bytes.length + " bytes from the port " + port);
        }
        int grant;
        synchronized (this) {
            receiving.received(size);
            // Whatever becomes of it: what is lost gives its credit back, too.
            grant = receiving.consumed(size);
        }
        if (grant > 0) {
            link.streams().send(GuestMessage.WINDOW.frame(id).u32(grant).finish());
        }
        if (room.tryAcquire()) {
            Thread.ofVirtual().name("datagram-" + link.streams().machine()).start(() -> answer(port, bytes));
        }
    }

    @Override
    void onWindow(long credit) throws WireException {
        sending.add(credit);
    }

    @Override
    synchronized int receiveCredit() {
        return receiving.credit();
    }

    @Override
    void onError(int errno, String message) {
        sending.close();
        listening.completeExceptionally(GuestErrors.engine(link.streams().machine(), attempt, errno, message));
    }

    @Override
    void onLost(LinkEnd end) {
        sending.close();
        listening.completeExceptionally(link.streams().gone(attempt));
    }

    private void answer(int port, byte[] question) {
        try {
            byte[] answer = answering.apply(question).orElse(null);
            if (answer != null
                    && answer.length > 0
                    && answer.length <= MOST_BYTES
                    && sending.tryTake(answer.length + PORT_BYTES)) {
                link.streams()
                        .send(GuestMessage.DATAGRAM
                                .frame(id)
                                .u16(port)
                                .bytes(answer, 0, answer.length)
                                .finish());
            }
        } catch (RuntimeException e) {
            LOG.warn(
                    "a datagram from inside {} failed in its handler",
                    link.streams().machine(),
                    e);
        } finally {
            room.release();
        }
    }
}
