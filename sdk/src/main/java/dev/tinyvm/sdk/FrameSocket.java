package dev.tinyvm.sdk;

import java.io.ByteArrayOutputStream;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One WebSocket as whole messages, with blocking reads and writes.
 *
 * <p>At most {@link #READ_AHEAD} messages are read ahead of the consumer. A ping is sent now and then; when nothing has come for {@link Transport.Liveness#silence}
 * although we were reading, the peer is taken for dead and the socket is broken. A broken socket yields {@link Broken}, never an end.
 */
final class FrameSocket implements WebSocket.Listener, AutoCloseable {
    private static final int READ_AHEAD = 64;

    /** What comes in. */
    sealed interface Frame {}

    record Text(String text) implements Frame {}

    @SuppressWarnings("ArrayRecordComponent") // bytes are handed over, not compared
    record Binary(byte[] bytes) implements Frame {}

    record Closed(int code, String reason) implements Frame {}

    record Broken(TinyVmConnectionException cause) implements Frame {}

    private final Transport transport;
    private final LinkedBlockingQueue<Frame> frames = new LinkedBlockingQueue<>();
    private final CompletableFuture<WebSocket> socket = new CompletableFuture<>();
    // Taken alone, held while one message is written: the JDK allows one at a time.
    private final ReentrantLock writing = new ReentrantLock();
    private final StringBuilder partialText = new StringBuilder();
    private final ByteArrayOutputStream partialBinary = new ByteArrayOutputStream();
    private volatile long heardNanos = System.nanoTime();
    private volatile boolean closing;
    private @Nullable Frame last;

    FrameSocket(Transport transport) {
        this.transport = transport;
    }

    /** Starts to look after the connection. */
    void watch() {
        Thread.ofVirtual().name("tinyvm-sdk-ping").start(this::ping);
    }

    /** Waits for the next message; after the end it is the end again. */
    Frame take() throws InterruptedException {
        return last != null ? last : taken(frames.take());
    }

    Optional<Frame> poll(Duration timeout) throws InterruptedException {
        if (last != null) {
            return Optional.of(last);
        }
        Frame frame = frames.poll(timeout.toNanos(), TimeUnit.NANOSECONDS);
        return frame == null ? Optional.empty() : Optional.of(taken(frame));
    }

    /** Blocks while the peer does not read. */
    void sendText(String text) {
        send(s -> s.sendText(text, true));
    }

    /** Blocks while the peer does not read. */
    void sendBinary(ByteBuffer bytes) {
        send(s -> s.sendBinary(bytes, true));
    }

    @Override
    public void close() {
        closing = true;
        WebSocket open = socket.getNow(null);
        if (open == null) {
            return;
        }
        try {
            open.sendClose(WebSocket.NORMAL_CLOSURE, "")
                    .orTimeout(2, TimeUnit.SECONDS)
                    .join();
        } catch (CompletionException | IllegalStateException e) {
            // It is closed or broken already: what matters is that it is gone, which the next line sees to.
        }
        open.abort();
        frames.add(new Closed(WebSocket.NORMAL_CLOSURE, "closed here"));
    }

    @Override
    public void onOpen(WebSocket webSocket) {
        socket.complete(webSocket);
        webSocket.request(READ_AHEAD);
    }

    @Override
    public @Nullable CompletionStage<?> onText(WebSocket webSocket, CharSequence data, boolean lastPart) {
        heardNanos = System.nanoTime();
        partialText.append(data);
        if (lastPart) {
            frames.add(new Text(partialText.toString()));
            partialText.setLength(0);
        } else {
            webSocket.request(1);
        }
        return null;
    }

    @Override
    public @Nullable CompletionStage<?> onBinary(WebSocket webSocket, ByteBuffer data, boolean lastPart) {
        heardNanos = System.nanoTime();
        byte[] part = new byte[data.remaining()];
        data.get(part);
        if (lastPart && partialBinary.size() == 0) {
            frames.add(new Binary(part));
        } else {
            partialBinary.writeBytes(part);
            if (lastPart) {
                frames.add(new Binary(partialBinary.toByteArray()));
                partialBinary.reset();
            } else {
                webSocket.request(1);
            }
        }
        return null;
    }

    @Override
    public @Nullable CompletionStage<?> onPing(WebSocket webSocket, ByteBuffer message) {
        heardNanos = System.nanoTime();
        webSocket.request(1);
        return null;
    }

    @Override
    public @Nullable CompletionStage<?> onPong(WebSocket webSocket, ByteBuffer message) {
        heardNanos = System.nanoTime();
        webSocket.request(1);
        return null;
    }

    @Override
    public @Nullable CompletionStage<?> onClose(WebSocket webSocket, int statusCode, String reason) {
        closing = true;
        frames.add(
                statusCode == 1006
                        ? new Broken(transport.broken(new java.io.IOException("the manager closed it without a word")))
                        : new Closed(statusCode, reason));
        return null;
    }

    @Override
    public void onError(WebSocket webSocket, Throwable error) {
        closing = true;
        frames.add(new Broken(transport.broken(error)));
    }

    private Frame taken(Frame frame) {
        if (frame instanceof Closed || frame instanceof Broken) {
            last = frame;
        } else {
            socket.join().request(1);
        }
        return frame;
    }

    private void send(java.util.function.Function<WebSocket, CompletableFuture<WebSocket>> message) {
        WebSocket open = socket.join();
        writing.lock();
        try {
            message.apply(open).join();
        } catch (CompletionException e) {
            throw transport.broken(e.getCause() == null ? e : e.getCause());
        } finally {
            writing.unlock();
        }
    }

    private void ping() {
        WebSocket open = socket.join();
        Duration pingEvery = transport.liveness().pingEvery();
        Duration silence = transport.liveness().silence();
        try {
            while (!closing && !open.isInputClosed()) {
                open.sendPing(ByteBuffer.allocate(0)).get(silence.toMillis(), TimeUnit.MILLISECONDS);
                Thread.sleep(pingEvery);
                boolean reading = frames.size() < READ_AHEAD;
                if (!closing && reading && System.nanoTime() - heardNanos > silence.toNanos()) {
                    frames.add(new Broken(transport.broken(
                            new java.io.IOException("nothing was heard for " + silence.toSeconds() + " s"))));
                    open.abort();
                    return;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (java.util.concurrent.ExecutionException
                | java.util.concurrent.TimeoutException
                | IllegalStateException e) {
            if (!closing) {
                frames.add(new Broken(transport.broken(e)));
                open.abort();
            }
        }
    }
}
