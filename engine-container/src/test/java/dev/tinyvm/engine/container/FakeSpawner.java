package dev.tinyvm.engine.container;

import dev.tinyvm.guestlink.wire.FrameDecoder;
import dev.tinyvm.guestlink.wire.FrameWriter;
import dev.tinyvm.guestlink.wire.PayloadReader;
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
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** A spawner whose every answer the test decides, and guests that say WELCOME and then what the test wants. */
final class FakeSpawner implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 60;

    private final Path directory;
    private final List<ServerSocketChannel> servers = new ArrayList<>();
    private final List<SocketChannel> connections = new ArrayList<>();
    private final BlockingQueue<Request> requests = new LinkedBlockingQueue<>();

    FakeSpawner() {
        try {
            directory = Files.createTempDirectory(Path.of("/tmp"), "tvm-fake-");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        listen(
                socket(),
                channel -> read(channel, (type, stream, payload) -> {
                    Request request = new Request(channel, type, stream, payload);
                    if (type == 0x0a) {
                        request.ok(new FrameWriter(SpawnerRequest.OK, stream));
                    }
                    requests.add(request);
                }));
    }

    Path socket() {
        return directory.resolve("spawner.sock");
    }

    /** The next request of this type; others before it are dropped. */
    Request expect(int type) throws InterruptedException {
        while (true) {
            Request request = requests.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
            if (request == null) {
                throw new AssertionError("no request of type " + type + " came");
            }
            if (request.type == type) {
                return request;
            }
        }
    }

    /** A guest's socket; after WELCOME it does {@code then} with the connection. */
    Path guest(String name, Consumer<SocketChannel> then) {
        Path path = directory.resolve(name + ".sock");
        listen(
                path,
                channel -> read(channel, (type, stream, payload) -> {
                    if (type == 0x01) {
                        write(
                                channel,
                                new FrameWriter(0x02, 0)
                                        .u16(1)
                                        .str("fake")
                                        .u64(1)
                                        .u32(65_536)
                                        .finish());
                        then.accept(channel);
                    }
                }));
        return path;
    }

    /** A guest's socket that hangs up on whoever connects. */
    Path brokenGuest(String name) {
        Path path = directory.resolve(name + ".sock");
        listen(path, FakeSpawner::shut);
        return path;
    }

    /** Breaks every connection, as a spawner does that dies. */
    void dropConnections() {
        synchronized (connections) {
            connections.forEach(FakeSpawner::shut);
            connections.clear();
        }
    }

    @Override
    public void close() {
        servers.forEach(FakeSpawner::shut);
        dropConnections();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void write(SocketChannel channel, ByteBuffer bytes) {
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void shut(java.nio.channels.Channel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void listen(Path path, Consumer<SocketChannel> reader) {
        try {
            ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
            server.bind(UnixDomainSocketAddress.of(path));
            servers.add(server);
            Thread.startVirtualThread(() -> accept(server, reader));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void accept(ServerSocketChannel server, Consumer<SocketChannel> reader) {
        try {
            while (true) {
                SocketChannel channel = server.accept();
                synchronized (connections) {
                    connections.add(channel);
                }
                Thread.startVirtualThread(() -> reader.accept(channel));
            }
        } catch (IOException e) {
            // Closed by the test.
            return;
        }
    }

    private static void read(SocketChannel channel, Handler handler) {
        FrameDecoder decoder = new FrameDecoder();
        ByteBuffer buffer = ByteBuffer.allocate(8192);
        try {
            while (channel.read(buffer.clear()) >= 0) {
                decoder.feed(buffer.flip(), (type, flags, stream, payload) -> {
                    byte[] bytes = new byte[payload.remaining()];
                    payload.get(bytes);
                    handler.handle(type, stream, new PayloadReader(ByteBuffer.wrap(bytes)));
                });
            }
        } catch (IOException | WireException e) {
            // The other side is gone, which the test sees over there.
            return;
        }
    }

    private interface Handler {
        void handle(int type, int stream, PayloadReader payload) throws WireException;
    }

    /** One request that was read. */
    record Request(SocketChannel channel, int type, int stream, PayloadReader payload) {
        void ok() {
            ok(new FrameWriter(SpawnerRequest.OK, stream));
        }

        void ok(FrameWriter answer) {
            write(channel, answer.stream(stream).finish());
        }

        void error(int errno, String step, String message) {
            write(
                    channel,
                    new FrameWriter(SpawnerRequest.ERROR, stream)
                            .u32(errno)
                            .str(step)
                            .str(message)
                            .finish());
        }

        void event(int kind, String id, int waitStatus, long oomKills) {
            write(
                    channel,
                    new FrameWriter(SpawnerRequest.EVENT, stream)
                            .u8(kind)
                            .str(id)
                            .u32(waitStatus)
                            .u64(oomKills)
                            .finish());
        }
    }
}
