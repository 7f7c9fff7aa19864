package dev.tinyvm.app;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The two requests that the program itself makes to a spawner: who are you, and end. All others are the engine's. See {@code spec/spawner-protocol.md}. */
final class SpawnerControl {
    private static final int TYPE_PING = 0x01;
    private static final int TYPE_QUIT = 0x0b;
    private static final int TYPE_OK = 0x40;
    private static final int HEADER_BYTES = 12;
    private static final int MAX_PAYLOAD_BYTES = 65_536;
    private static final long PING_SECONDS = 10;
    private static final long QUIT_SECONDS = 60;

    private SpawnerControl() {}

    /** What a spawner says of itself. @param managerUid whose requests it takes */
    record Answer(int version, String layers, int managerUid) {}

    /** @throws IOException when none answers there */
    static Answer ping(Path socket) throws IOException {
        ByteBuffer payload = ask(socket, TYPE_PING, PING_SECONDS);
        try {
            int version = Short.toUnsignedInt(payload.getShort());
            payload.get(); // cgroup mode
            byte[] layers = new byte[Math.min(payload.getInt(), payload.remaining())];
            payload.get(layers);
            return new Answer(version, new String(layers, StandardCharsets.UTF_8), payload.getInt());
        } catch (java.nio.BufferUnderflowException | NegativeArraySizeException e) {
            throw new IOException("the spawner at " + socket + " answered something else than the protocol says", e);
        }
    }

    /** Ends the spawner and everything that it made; returns when that is done. */
    static void quit(Path socket) throws IOException {
        ask(socket, TYPE_QUIT, QUIT_SECONDS);
    }

    /** One request, one answer, with a deadline: blocking Unix sockets have none of their own, so a closed channel has to end the wait. */
    private static ByteBuffer ask(Path socket, int type, long seconds) throws IOException {
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket));
            FutureTask<ByteBuffer> exchange = new FutureTask<>(() -> exchange(channel, type));
            Thread.ofVirtual().start(exchange);
            return exchange.get(seconds, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw new IOException("the spawner at " + socket + " did not answer within " + seconds + " s", e);
        } catch (ExecutionException e) {
            throw new IOException("the spawner at " + socket + " did not answer: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for the spawner", e);
        }
    }

    private static ByteBuffer exchange(SocketChannel channel, int type) throws IOException {
        ByteBuffer request = ByteBuffer.allocate(HEADER_BYTES);
        request.putInt(0)
                .put((byte) type)
                .put((byte) 0)
                .putShort((short) 0)
                .putInt(1)
                .flip();
        while (request.hasRemaining()) {
            channel.write(request);
        }
        DataInputStream in = new DataInputStream(Channels.newInputStream(channel));
        int length = in.readInt();
        int answer = in.readUnsignedByte();
        in.skipNBytes(HEADER_BYTES - 5);
        if (length < 0 || length > MAX_PAYLOAD_BYTES) {
            throw new IOException("a frame of " + Integer.toUnsignedString(length) + " bytes");
        }
        byte[] payload = in.readNBytes(length);
        if (payload.length < length) {
            throw new EOFException("the connection ended");
        }
        if (answer != TYPE_OK) {
            throw new IOException(answer == 0x41 ? describe(payload) : "unexpected frame type " + answer);
        }
        return ByteBuffer.wrap(payload);
    }

    private static String describe(byte[] error) {
        return new String(error, StandardCharsets.UTF_8)
                .replaceAll("[^\\x20-\\x7e]+", " ")
                .strip();
    }
}
