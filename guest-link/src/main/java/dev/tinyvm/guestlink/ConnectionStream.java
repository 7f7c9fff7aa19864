package dev.tinyvm.guestlink;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * DIAL and INBOUND: bytes both ways, each way ended by END, the whole by DONE.
 *
 * <p>Closing behaves as closing a TCP socket does: what was written still arrives. If the other side has not ended by then, the stream
 * lingers until it does; bytes that it sends meanwhile cut it off.
 */
final class ConnectionStream extends LinkStream implements GuestConnection {
    private final CompletableFuture<Boolean> opened = new CompletableFuture<>();
    private final ByteInbox inbox = new ByteInbox(this::grant, () -> {});
    private final SendWindow window;
    private final boolean inbound;
    private final AtomicBoolean counted;
    private final AtomicBoolean sentEnd = new AtomicBoolean();
    private volatile boolean receivedEnd;
    private volatile boolean closed;
    private volatile boolean over;

    ConnectionStream(GuestLink link, String attempt) {
        this(link, attempt, false);
    }

    ConnectionStream(GuestLink link, String attempt, boolean inbound) {
        super(link, attempt);
        this.window = new SendWindow(link.streams().sendWindow());
        this.inbound = inbound;
        this.counted = new AtomicBoolean(inbound);
        if (inbound) {
            opened.complete(true);
        }
    }

    /** Completes with DIALED. */
    CompletableFuture<Boolean> opened() {
        return opened;
    }

    /** Accepts a connection from inside. */
    void dialed() {
        if (!over) {
            link.streams().send(GuestMessage.DIALED.frame(id).finish());
        }
    }

    @Override
    public InputStream input() {
        return new InputStream() {
            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] into, int offset, int length) throws IOException {
                return inbox.read(into, offset, length, null);
            }
        };
    }

    @Override
    public OutputStream output() {
        return new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                send(bytes, offset, length);
            }

            @Override
            public void close() {
                end();
            }
        };
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        inbox.fail(() -> new IOException("the connection is closed"));
        end();
        if (over || receivedEnd) {
            return;
        }
        if (inbox.hasUnread()) {
            cut();
            return;
        }
        ConnectionStream oldest = link.streams().inbound().linger(this);
        if (oldest != null) {
            oldest.cut();
        }
        if (over || receivedEnd) {
            link.streams().inbound().lingered(this);
        }
    }

    @Override
    void onFrame(GuestMessage message, PayloadReader payload) throws WireException {
        if (!opened.isDone() ? message != GuestMessage.DIALED : message == GuestMessage.DIALED) {
            throw unexpected(message);
        }
        switch (message) {
            case DIALED -> opened.complete(true);
            case DATA -> {
                inbox.received(payload.bytes());
                if (closed) {
                    inbox.discard();
                    cut();
                }
            }
            case END -> {
                if (receivedEnd) {
                    throw unexpected(message);
                }
                receivedEnd = true;
                inbox.end();
                link.streams().inbound().lingered(this);
            }
            default -> throw unexpected(message);
        }
    }

    @Override
    void onDone() throws WireException {
        if (!opened.isDone()) {
            throw unexpected(GuestMessage.DONE);
        }
        inbox.end();
        finish();
    }

    @Override
    void onCancelled() {
        broken("the program inside cut the connection");
    }

    @Override
    void onError(int errno, String message) {
        RuntimeException failure = GuestErrors.engine(link.streams().machine(), attempt, errno, message);
        opened.completeExceptionally(failure);
        broken(String.valueOf(failure.getMessage()));
    }

    @Override
    void onWindow(long credit) throws WireException {
        window.add(credit);
    }

    @Override
    void onLost(LinkEnd end) {
        opened.completeExceptionally(link.streams().gone(attempt));
        broken(end.detail());
    }

    @Override
    int receiveCredit() {
        return inbox.credit();
    }

    private void send(byte[] bytes, int offset, int length) throws IOException {
        java.util.Objects.checkFromIndexSize(offset, length, bytes.length);
        try {
            int at = offset;
            while (at < offset + length) {
                int count =
                        sentEnd.get() ? 0 : window.take(Math.min(offset + length - at, LinkLimits.DATA_FRAME_BYTES));
                if (count == 0) {
                    throw new IOException("the connection is closed");
                }
                link.streams()
                        .sendBulk(GuestMessage.DATA
                                .frame(id)
                                .bytes(bytes, at, count)
                                .finish());
                at += count;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while writing", e);
        }
    }

    private void end() {
        if (sentEnd.compareAndSet(false, true) && !over) {
            window.close();
            link.streams().send(GuestMessage.END.frame(id).finish());
        }
    }

    private void cut() {
        link.streams().cancel(this);
        finish();
    }

    private void broken(String why) {
        inbox.fail(() -> new IOException("could not " + attempt + ": " + why));
        finish();
    }

    private void finish() {
        over = true;
        window.close();
        link.streams().inbound().lingered(this);
        if (inbound && counted.compareAndSet(true, false)) {
            link.streams().inbound().ended();
        }
    }

    private void grant(int credit) {
        if (!over) {
            link.streams().send(GuestMessage.WINDOW.frame(id).u32(credit).finish());
        }
    }
}
