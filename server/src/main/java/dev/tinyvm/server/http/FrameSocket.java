package dev.tinyvm.server.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The server's end of a WebSocket, with blocking reads and writes.
 *
 * <p>Reading goes on until {@link Limits#SOCKET_BUFFER_BYTES} are not yet {@link #release released}; then the client is stalled. The {@link Body} runs on a virtual thread of its own; when it
 * returns the socket is closed. A ping goes out every {@link #PING_EVERY}, so that a write fails when the client is gone even if nothing else is being sent.
 */
public final class FrameSocket implements Session.Listener {
    static final Duration PING_EVERY = Duration.ofSeconds(15);
    /** A client that can be read and says nothing, not even pong, for so long is gone. */
    static final Duration SILENCE = Duration.ofSeconds(60);

    private static final Logger log = LoggerFactory.getLogger(FrameSocket.class);

    /** What is done with the socket. */
    @FunctionalInterface
    public interface Body {
        void run(FrameSocket socket) throws Exception;
    }

    /** What comes in. */
    public sealed interface Frame {}

    public record Text(String text) implements Frame {}

    @SuppressWarnings("ArrayRecordComponent") // bytes are handed over, not compared
    public record Binary(byte[] bytes) implements Frame {}

    /** The client closed, or is gone. */
    public record Closed() implements Frame {}

    private final Body body;
    private final CompletableFuture<Session> session = new CompletableFuture<>();
    private final LinkedBlockingQueue<Frame> frames = new LinkedBlockingQueue<>();
    private final List<Runnable> closeActions = new CopyOnWriteArrayList<>();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final Object demandLock = new Object();
    private long unreleasedBytes;
    private boolean stalled;
    private volatile long heardNanos = System.nanoTime();
    private @Nullable Frame last;

    public FrameSocket(Body body) {
        this.body = body;
    }

    /** Whether it was closed by either side, or broke. */
    public boolean closed() {
        return closed.get();
    }

    /** Runs when the socket is closed by either side, once; at once when it is already. */
    public void onClosed(Runnable action) {
        closeActions.add(action);
        if (closed.get() && closeActions.remove(action)) {
            action.run();
        }
    }

    /** Waits for the next frame, at most so long; {@link Closed} again and again after the end. Give back a binary frame's size with {@link #release}. */
    public Optional<Frame> take(Duration timeout) throws InterruptedException {
        if (last != null) {
            return Optional.of(last);
        }
        Frame frame = frames.poll(timeout.toNanos(), TimeUnit.NANOSECONDS);
        if (frame instanceof Closed) {
            last = frame;
        }
        return Optional.ofNullable(frame);
    }

    /** These bytes have been consumed; so many more may come. */
    public void release(int bytes) {
        synchronized (demandLock) {
            unreleasedBytes -= bytes;
            if (!stalled || unreleasedBytes >= Limits.SOCKET_BUFFER_BYTES) {
                return;
            }
            stalled = false;
        }
        demand();
    }

    /** Blocks while the client does not read. @throws IOException the client is gone */
    public void sendText(JsonBody json) throws IOException {
        send((s, callback) -> s.sendText(json.text(), callback));
    }

    /** Blocks while the client does not read. @throws IOException the client is gone */
    public void sendBinary(ByteBuffer bytes) throws IOException {
        send((s, callback) -> s.sendBinary(bytes, callback));
    }

    /** Says goodbye. What was sent before arrives. */
    public void close(int code, String reason) {
        Session open = session.getNow(null);
        if (open != null && open.isOpen()) {
            open.close(code, reason, Callback.NOOP);
        }
    }

    @Override
    public void onWebSocketOpen(Session opened) {
        session.complete(opened);
        Thread.ofVirtual().name("tinyvm-socket").start(this::run);
        Thread.ofVirtual().name("tinyvm-socket-ping").start(this::ping);
        opened.demand();
    }

    @Override
    public void onWebSocketText(String text) {
        heardNanos = System.nanoTime();
        frames.add(new Text(text));
        received(0);
    }

    @Override
    public void onWebSocketBinary(ByteBuffer payload, Callback callback) {
        heardNanos = System.nanoTime();
        byte[] bytes = new byte[payload.remaining()];
        payload.get(bytes);
        callback.succeed();
        frames.add(new Binary(bytes));
        received(bytes.length);
    }

    @Override
    public void onWebSocketPong(ByteBuffer payload) {
        heardNanos = System.nanoTime();
        demand();
    }

    @Override
    public void onWebSocketError(Throwable cause) {
        log.debug("a WebSocket broke", cause);
        ended();
    }

    @Override
    public void onWebSocketClose(int statusCode, String reason, Callback callback) {
        callback.succeed();
        ended();
    }

    private void received(int bytes) {
        synchronized (demandLock) {
            unreleasedBytes += bytes;
            // Control frames are small and answered at once, yet a client must not make us keep any number of them.
            if (unreleasedBytes >= Limits.SOCKET_BUFFER_BYTES || frames.size() > 4096) {
                stalled = true;
                return;
            }
        }
        demand();
    }

    private void demand() {
        Session open = session.getNow(null);
        if (open != null && !closed.get()) {
            try {
                open.demand();
            } catch (IllegalStateException e) {
                // It was closed meanwhile.
                log.debug("no more from a closed WebSocket", e);
            }
        }
    }

    private void run() {
        try {
            body.run(this);
            close(1000, "");
        } catch (InterruptedException e) {
            close(1001, "the manager stops");
        } catch (IOException e) {
            log.debug("a WebSocket's client is gone", e);
            close(1011, "");
        } catch (Throwable e) {
            // The root of this thread: whatever it was, the client must not be left waiting.
            log.warn("a WebSocket session failed", e);
            close(1011, "the manager failed on this session");
        }
    }

    private void ended() {
        if (closed.compareAndSet(false, true)) {
            frames.add(new Closed());
            for (Runnable action : List.copyOf(closeActions)) {
                if (closeActions.remove(action)) {
                    action.run();
                }
            }
        }
    }

    private void ping() {
        try {
            while (!closed.get()) {
                Thread.sleep(PING_EVERY);
                boolean reading;
                synchronized (demandLock) {
                    reading = !stalled;
                }
                Session open = session.join();
                if (reading && System.nanoTime() - heardNanos > SILENCE.toNanos()) {
                    open.disconnect();
                    ended();
                    return;
                }
                if (open.isOpen()) {
                    open.sendPing(ByteBuffer.allocate(0), Callback.from(() -> {}, failure -> {
                        open.disconnect();
                        ended();
                    }));
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private interface Send {
        void to(Session session, Callback callback);
    }

    private void send(Send send) throws IOException {
        if (closed.get()) {
            throw new IOException("the client is gone");
        }
        CompletableFuture<Void> sent = new CompletableFuture<>();
        send.to(session.join(), Callback.from(() -> sent.complete(null), sent::completeExceptionally));
        try {
            sent.get();
        } catch (ExecutionException e) {
            throw new IOException("the client is gone", e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
