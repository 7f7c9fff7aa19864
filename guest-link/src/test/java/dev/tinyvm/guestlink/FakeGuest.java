package dev.tinyvm.guestlink;

import dev.tinyvm.guestlink.wire.FrameDecoder;
import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.WireException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A guest whose every byte the test decides: it greets, then does nothing by itself. */
final class FakeGuest implements AutoCloseable {
    static final int WINDOW_BYTES = 65_536;
    private static final long PATIENCE_SECONDS = 60;

    private final Path socket;
    private final ServerSocketChannel server;
    private final BlockingQueue<Frame> frames = new LinkedBlockingQueue<>();
    private final BlockingQueue<SocketChannel> connections = new LinkedBlockingQueue<>();
    private final boolean greets;
    private final boolean reads;

    /**
     * @param greets answers HELLO with WELCOME
     * @param reads goes on reading after HELLO
     */
    FakeGuest(boolean greets, boolean reads) {
        this.greets = greets;
        this.reads = reads;
        try {
            socket = Files.createTempDirectory(Path.of("/tmp"), "tvm-link-").resolve("guest.sock");
            server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
            server.bind(UnixDomainSocketAddress.of(socket));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Thread.ofVirtual().start(this::serve);
    }

    Path socket() {
        return socket;
    }

    void send(ByteBuffer bytes) {
        try {
            SocketChannel channel = connection();
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Sends until the host hangs up or so many frames are sent. */
    void flood(ByteBuffer frame, int times) {
        try {
            SocketChannel channel = connection();
            for (int i = 0; i < times; i++) {
                ByteBuffer copy = frame.duplicate();
                while (copy.hasRemaining()) {
                    channel.write(copy);
                }
            }
        } catch (IOException e) {
            // The host has hung up, as it should.
            return;
        }
    }

    /** The next frame of this type; others before it are dropped. */
    Frame expect(GuestMessage message) throws InterruptedException {
        while (true) {
            Frame frame = frames.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
            if (frame == null) {
                throw new AssertionError("no " + message + " came");
            }
            if (frame.message == message) {
                return frame;
            }
        }
    }

    void hangUp() {
        try {
            connection().close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        try {
            server.close();
            for (SocketChannel channel : connections) {
                channel.close();
            }
            Files.deleteIfExists(socket);
            Files.deleteIfExists(socket.getParent());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private SocketChannel connection() {
        try {
            SocketChannel channel = connections.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
            if (channel == null) {
                throw new AssertionError("nobody has connected");
            }
            connections.add(channel);
            return channel;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private void serve() {
        try {
            while (true) {
                SocketChannel channel = server.accept();
                connections.add(channel);
                Thread.ofVirtual().start(() -> read(channel));
            }
        } catch (IOException e) {
            // Closed by the test.
            return;
        }
    }

    private void read(SocketChannel channel) {
        FrameDecoder decoder = new FrameDecoder();
        ByteBuffer buffer = ByteBuffer.allocate(8192);
        try {
            while (channel.read(buffer.clear()) >= 0) {
                decoder.feed(buffer.flip(), (type, flags, stream, payload) -> {
                    GuestMessage message = GuestMessage.of(type, flags, stream, false);
                    if (message == GuestMessage.HELLO && greets) {
                        write(channel, welcome());
                    }
                    byte[] bytes = new byte[payload.remaining()];
                    payload.get(bytes);
                    frames.add(new Frame(message, stream, bytes));
                });
                if (!reads) {
                    return;
                }
            }
        } catch (IOException | WireException e) {
            // The link is gone; the test sees that on the host's side.
            return;
        }
    }

    static ByteBuffer welcome() {
        return GuestMessage.WELCOME
                .frame(0)
                .u16(1)
                .str("fake")
                .u64(1)
                .u32(WINDOW_BYTES)
                .finish();
    }

    private static void write(SocketChannel channel, ByteBuffer bytes) {
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the host sent. */
    @SuppressWarnings("ArrayRecordComponent")
    record Frame(GuestMessage message, int stream, byte[] payload) {}
}
