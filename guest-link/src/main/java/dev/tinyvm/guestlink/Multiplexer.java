package dev.tinyvm.guestlink;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.guestlink.wire.FrameDecoder;
import dev.tinyvm.guestlink.wire.FrameWriter;
import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.WireException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One socket, many streams: gives numbers to streams, hands frames to them, ends them all with the link. The decoder and the counters of
 * incoming frames belong to the loop's thread; the table of streams is concurrent; writing has its own lock in {@link Outbound}.
 */
final class Multiplexer implements LinkLoop.Endpoint {
    private final LinkLoop loop;
    private final SocketChannel channel;
    private final String machine;
    private final Outbound outbound;
    private final Map<Integer, LinkStream> streams = new ConcurrentHashMap<>();
    private final CancelledStreams cancelled = new CancelledStreams();
    private final InboundStreams inbound = new InboundStreams();
    private final CompletableFuture<LinkEnd> ended = new CompletableFuture<>();
    private final CompletableFuture<Long> welcome = new CompletableFuture<>();
    private final Pings pings = new Pings();
    private final AtomicInteger openStreams = new AtomicInteger();
    private final FrameDecoder decoder = new FrameDecoder();
    private final IncomingFrames frames = new IncomingFrames(this);
    private volatile @Nullable SelectionKey key;
    private int lastNumber;
    private volatile boolean frozen;
    private volatile long thawedAtNanos;
    private volatile long sendWindow;

    private Multiplexer(LinkLoop loop, SocketChannel channel, String machine) {
        this.loop = loop;
        this.channel = channel;
        this.machine = machine;
        this.outbound = new Outbound(channel, this::wantWrite);
    }

    static Multiplexer connect(LinkLoop loop, Path socket, String machine) {
        return new Multiplexer(loop, GuestSocket.connect(socket, machine, LinkLimits.ANSWER), machine);
    }

    /** Begins to read and says HELLO. */
    void start() {
        send(GuestMessage.HELLO
                .frame(0)
                .u16(LinkLimits.PROTOCOL_VERSION)
                .u16(LinkLimits.PROTOCOL_VERSION)
                .u32(LinkLimits.WINDOW_BYTES)
                .finish());
        try {
            key = loop.register(channel, this);
        } catch (IOException e) {
            end(new LinkEnd(LinkEnd.Kind.CLOSED_BY_GUEST, "the link to " + machine + " broke: " + e.getMessage()));
        }
    }

    void awaitWelcome() {
        if (!welcome.isDone()) {
            await(welcome, LinkLimits.ANSWER, null);
        } else if (ended.isDone()) {
            throw gone("greet the guest");
        }
    }

    CompletableFuture<LinkEnd> ended() {
        return ended;
    }

    String machine() {
        return machine;
    }

    void setFrozen(boolean now) {
        if (!now) {
            thawedAtNanos = System.nanoTime();
        }
        frozen = now;
    }

    /** Whether the machine is frozen or was so long ago at most: nothing can be expected of it then. */
    boolean frozenWithin(Duration time) {
        return frozen || (thawedAtNanos != 0 && System.nanoTime() - thawedAtNanos < time.toNanos());
    }

    /** What the host may send on a new stream. */
    long sendWindow() {
        return sendWindow;
    }

    InboundStreams inbound() {
        return inbound;
    }

    CancelledStreams cancelled() {
        return cancelled;
    }

    Pings pings() {
        return pings;
    }

    @Nullable
    LinkStream find(int number) {
        return streams.get(number);
    }

    boolean isWelcome() {
        return welcome.isDone();
    }

    /** The guest's WELCOME. @param window what the host may send on each stream at its start */
    void welcomed(long bootId, long window) {
        sendWindow = window;
        welcome.complete(bootId);
    }

    void open(LinkStream stream, FrameWriter frame) {
        if (frozen) {
            throw new EngineException(
                    Code.INVALID,
                    "could not " + stream.attempt + " in " + machine + ": it is frozen (paused); thaw it first");
        }
        awaitWelcome();
        if (openStreams.incrementAndGet() > LinkLimits.MAX_STREAMS) {
            openStreams.decrementAndGet();
            throw new EngineException(
                    Code.LIMIT,
                    "could not " + stream.attempt + " in " + machine + ": " + LinkLimits.MAX_STREAMS
                            + " commands, files and connections are open already; close some");
        }
        try {
            outbound.sendNumbered(
                    number -> {
                        stream.id = number;
                        streams.put(number, stream);
                        return frame.stream(number).finish();
                    },
                    () -> ++lastNumber);
        } catch (IOException | Outbound.OverflowException e) {
            endFor(e);
        }
        LinkEnd end = ended.getNow(null);
        if (end != null && remove(stream)) {
            stream.onLost(end);
        }
    }

    /** Registers a stream that the guest opened. */
    void accept(LinkStream stream, int number) {
        stream.id = number;
        openStreams.incrementAndGet();
        streams.put(number, stream);
        LinkEnd end = ended.getNow(null);
        if (end != null && remove(stream)) {
            stream.onLost(end);
        }
    }

    /** Sends without ever blocking on the guest. */
    void send(ByteBuffer frame) {
        try {
            outbound.send(frame);
        } catch (IOException | Outbound.OverflowException e) {
            endFor(e);
        }
    }

    /** Sends payload bytes, waiting while the guest's socket is full. */
    void sendBulk(ByteBuffer frame) throws InterruptedException {
        try {
            outbound.sendBulk(frame);
        } catch (IOException | Outbound.OverflowException e) {
            endFor(e);
        }
    }

    /** Takes an ended stream out of the table; false when it was not in there. */
    boolean remove(LinkStream stream) {
        if (streams.remove(stream.id, stream)) {
            openStreams.decrementAndGet();
            return true;
        }
        return false;
    }

    /** Gives a stream up; what is still on its way for it is ignored. Nothing happens when it has ended. */
    void cancel(LinkStream stream) {
        int credit = stream.receiveCredit();
        cancelled.add(stream.id, credit);
        if (remove(stream)) {
            send(GuestMessage.CANCEL.frame(stream.id).finish());
        } else {
            cancelled.remove(stream.id);
        }
    }

    void ping() {
        CompletableFuture<Boolean> answer = new CompletableFuture<>();
        awaitWelcome();
        send(GuestMessage.PING.frame(0).u64(pings.sent(answer)).finish());
        LinkEnd end = ended.getNow(null);
        if (end != null) {
            throw gone("ping");
        }
        await(answer, LinkLimits.ANSWER, null);
    }

    /** Waits for an answer; time in which the machine is frozen does not count. */
    <T> T await(CompletableFuture<T> answer, Duration patience, @Nullable LinkStream stream) {
        String attempt = stream == null ? "greet the guest" : stream.attempt;
        long from = System.nanoTime();
        try {
            while (true) {
                try {
                    long left = patience.toNanos() - (System.nanoTime() - from);
                    return answer.get(Math.max(left, 1), TimeUnit.NANOSECONDS);
                } catch (TimeoutException e) {
                    boolean thawedMeanwhile = thawedAtNanos != 0 && thawedAtNanos - from > 0;
                    if (!frozen && !thawedMeanwhile) {
                        giveUp(stream);
                        throw new EngineException(
                                Code.TIMEOUT,
                                "could not " + attempt + " in " + machine + ": its guest did not answer in "
                                        + patience.toSeconds() + " s",
                                e);
                    }
                    from = System.nanoTime();
                }
            }
        } catch (InterruptedException e) {
            giveUp(stream);
            Thread.currentThread().interrupt();
            throw new EngineException(Code.TIMEOUT, "could not " + attempt + " in " + machine + ": interrupted", e);
        } catch (ExecutionException e) {
            throw rethrown(e.getCause());
        }
    }

    EngineException gone(String attempt) {
        LinkEnd end = ended.getNow(null);
        Code code = end != null && end.kind() == LinkEnd.Kind.PROTOCOL ? Code.PROTOCOL : Code.GONE;
        return new EngineException(
                code,
                "could not " + attempt + " in " + machine + ": " + (end == null ? "the link is closed" : end.detail()));
    }

    /** Ends the link and every stream on it, once. Any thread. */
    void end(LinkEnd end) {
        if (!ended.complete(end)) {
            return;
        }
        outbound.close();
        try {
            channel.close();
        } catch (IOException e) {
            // Nothing can be done about a socket that does not close, and it is of no use to anybody any more.
        }
        loop.released();
        for (LinkStream stream : streams.values()) {
            if (remove(stream)) {
                stream.onLost(end);
            }
        }
        EngineException gone = gone("greet the guest");
        welcome.completeExceptionally(gone);
        pings.fail(gone);
    }

    @Override
    public void onReadable(ByteBuffer buffer) {
        if (ended.isDone()) {
            return;
        }
        try {
            if (channel.read(buffer) < 0) {
                end(new LinkEnd(LinkEnd.Kind.CLOSED_BY_GUEST, "the guest of " + machine + " closed its link"));
                return;
            }
            buffer.flip();
            decoder.feed(buffer, frames);
        } catch (IOException e) {
            end(new LinkEnd(LinkEnd.Kind.CLOSED_BY_GUEST, "the link to " + machine + " broke: " + e.getMessage()));
        } catch (WireException e) {
            violation(e.getMessage());
        }
    }

    @Override
    public void onWritable() {
        try {
            outbound.flush();
        } catch (IOException e) {
            endFor(e);
        }
    }

    @Override
    public void onFailure(RuntimeException failure) {
        violation("its frame could not be handled: " + failure);
    }

    private void giveUp(@Nullable LinkStream stream) {
        if (stream != null) {
            cancel(stream);
        }
    }

    private void wantWrite() {
        SelectionKey registered = key;
        if (registered != null) {
            loop.wantWrite(registered);
        }
    }

    private void endFor(Exception failure) {
        if (failure instanceof IOException) {
            end(new LinkEnd(
                    LinkEnd.Kind.CLOSED_BY_GUEST, "the link to " + machine + " broke: " + failure.getMessage()));
        } else {
            violation("it does not read: " + LinkLimits.OUTBOUND_MAX_BYTES + " bytes wait for it");
        }
    }

    private void violation(@Nullable String what) {
        end(new LinkEnd(
                LinkEnd.Kind.PROTOCOL, "the guest of " + machine + " broke the protocol and was cut off: " + what));
    }

    private static RuntimeException rethrown(@Nullable Throwable cause) {
        if (cause instanceof EngineException e) {
            return new EngineException(e.code(), String.valueOf(e.getMessage()), e);
        }
        if (cause instanceof dev.tinyvm.engine.GuestFiles.GuestFileException e) {
            dev.tinyvm.engine.GuestFiles.GuestFileException fresh =
                    new dev.tinyvm.engine.GuestFiles.GuestFileException(e.errno(), String.valueOf(e.getMessage()));
            fresh.initCause(e);
            return fresh;
        }
        throw new IllegalStateException("a stream failed", cause);
    }
}
