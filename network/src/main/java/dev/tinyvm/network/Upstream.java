package dev.tinyvm.network;

import dev.tinyvm.network.rules.Destination;
import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/** A connection to a server, pinned to the address that was judged. Counts what it carries. */
final class Upstream implements AutoCloseable {
    private final Destination destination;
    private final InetAddress address;
    private final boolean tls;
    private final Socket socket;
    private final InputStream in;
    private final OutputStream out;
    private final AtomicLong bytesOut = new AtomicLong();
    private final AtomicLong bytesIn = new AtomicLong();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final long openedNanos = System.nanoTime();
    private final Runnable onClose;

    /** Told of each byte. */
    interface Count {
        void moved(int out, int in) throws IOException;
    }

    Upstream(Destination destination, InetAddress address, boolean tls, Socket socket, Count count, Closed onClose)
            throws IOException {
        this.destination = destination;
        this.address = address;
        this.tls = tls;
        this.socket = socket;
        this.onClose = () -> onClose.closed(this);
        this.in = new FilterInputStream(socket.getInputStream()) {
            @Override
            public int read(byte[] into, int offset, int length) throws IOException {
                int size = super.read(into, offset, length);
                if (size > 0) {
                    bytesIn.addAndGet(size);
                    count.moved(0, size);
                }
                return size;
            }
        };
        this.out = new FilterOutputStream(socket.getOutputStream()) {
            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                out.write(bytes, offset, length);
                bytesOut.addAndGet(length);
                count.moved(length, 0);
            }
        };
    }

    interface Closed {
        void closed(Upstream upstream);
    }

    Destination destination() {
        return destination;
    }

    InetAddress address() {
        return address;
    }

    boolean tls() {
        return tls;
    }

    InputStream input() {
        return in;
    }

    OutputStream output() {
        return out;
    }

    long bytesOut() {
        return bytesOut.get();
    }

    long bytesIn() {
        return bytesIn.get();
    }

    long openMillis() {
        return (System.nanoTime() - openedNanos) / 1_000_000;
    }

    void endOutput() throws IOException {
        socket.shutdownOutput();
    }

    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        try {
            socket.close();
        } catch (IOException e) {
            // It is gone either way.
        }
        onClose.run();
    }
}
