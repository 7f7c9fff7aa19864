package dev.tinyvm.engine.container;

import dev.tinyvm.guestlink.wire.FrameDecoder;
import dev.tinyvm.guestlink.wire.FrameWriter;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One connection to the spawner: requests are sent one after another under a lock without waiting for answers; one thread reads the answers and
 * finds their requests by number. When it breaks, every open request fails with {@link SpawnerLostException}.
 */
final class SpawnerConnection implements AutoCloseable {
    private static final int BUFFER_BYTES = 64 << 10;

    private final SocketChannel channel;
    private final SpawnerEvents events;
    private final Runnable lost;
    private final ReentrantLock writing = new ReentrantLock();
    private final Map<Integer, Pending> pending = new ConcurrentHashMap<>();
    private int lastNumber;
    private volatile @Nullable String broken;
    private volatile int subscription;

    /** @param lost called once when the connection has broken, not after {@link #close} */
    SpawnerConnection(Path socket, SpawnerEvents events, Runnable lost) throws IOException {
        this.channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        this.events = events;
        this.lost = lost;
        Thread.ofPlatform().daemon().name("spawner-link").start(this::read);
    }

    /** Sends a request; {@code parser} reads the fields of its OK. */
    <T> CompletableFuture<T> send(FrameWriter request, Parser<T> parser) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        Completion complete = payload -> {
            T value = parser.parse(payload);
            if (value == null) {
                return false;
            }
            payload.finish();
            answer.complete(value);
            return true;
        };
        writing.lock();
        try {
            int number = ++lastNumber;
            pending.put(number, new Pending(answer, complete));
            ByteBuffer frame = request.stream(number).finish();
            while (frame.hasRemaining()) {
                channel.write(frame);
            }
        } catch (IOException e) {
            breakOff("writing failed: " + e.getMessage());
        } finally {
            writing.unlock();
        }
        if (broken != null) {
            failAll();
        }
        return answer;
    }

    /** As {@link #send}, and EVENT frames with this request's number are events from then on. */
    CompletableFuture<Boolean> subscribe() {
        writing.lock();
        try {
            subscription = lastNumber + 1;
            return send(SpawnerRequest.SUBSCRIBE.frame(), payload -> true);
        } finally {
            writing.unlock();
        }
    }

    boolean isBroken() {
        return broken != null;
    }

    @Override
    public void close() {
        if (broken == null) {
            broken = "the manager closed it";
        }
        shut();
        failAll();
    }

    private void read() {
        FrameDecoder decoder = new FrameDecoder();
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
        String why = "the spawner closed it";
        try {
            while (channel.read(buffer.clear()) >= 0) {
                decoder.feed(buffer.flip(), this::onFrame);
            }
        } catch (IOException | WireException | RuntimeException e) {
            why = String.valueOf(e.getMessage());
        }
        breakOff(why);
    }

    private void onFrame(byte type, byte flags, int number, ByteBuffer bytes) throws WireException {
        PayloadReader payload = new PayloadReader(bytes);
        if (type == SpawnerRequest.EVENT && number == subscription) {
            onEvent(payload);
            return;
        }
        Pending request = pending.get(number);
        if (request == null || flags != 0) {
            throw new WireException("an answer that nobody asked for");
        }
        if (type == SpawnerRequest.OK) {
            if (request.complete.read(payload)) {
                pending.remove(number);
            }
        } else if (type == SpawnerRequest.ERROR) {
            pending.remove(number);
            int errno = payload.i32();
            String step = payload.str();
            String message = payload.str();
            payload.finish();
            request.answer.completeExceptionally(new SpawnerException(errno, step, message));
        } else {
            throw new WireException("an answer of the unknown type " + type);
        }
    }

    private void onEvent(PayloadReader payload) throws WireException {
        int kind = payload.u8();
        String id = payload.str();
        int waitStatus = payload.i32();
        long oomKills = payload.u63();
        payload.finish();
        switch (kind) {
            case 1 -> events.ended(id, waitStatus, oomKills);
            case 2 -> events.outOfMemory(id, oomKills);
            default -> throw new WireException("an event of the unknown kind " + kind);
        }
    }

    private void breakOff(String why) {
        boolean first;
        synchronized (this) {
            first = broken == null;
            if (first) {
                broken = why;
            }
        }
        shut();
        failAll();
        if (first) {
            lost.run();
        }
    }

    private void failAll() {
        for (Integer number : List.copyOf(pending.keySet())) {
            Pending request = pending.remove(number);
            if (request != null) {
                request.answer.completeExceptionally(
                        new SpawnerLostException("the connection to the spawner is lost: " + broken));
            }
        }
    }

    private void shut() {
        try {
            channel.close();
        } catch (IOException e) {
            // It is of no use any more in either case.
        }
    }

    /** Reads an OK's fields; null when another OK of the same request follows. */
    interface Parser<T> {
        @Nullable
        T parse(PayloadReader payload) throws WireException;
    }

    /** Reads an OK and completes its request; false when another OK follows. */
    private interface Completion {
        boolean read(PayloadReader payload) throws WireException;
    }

    private record Pending(CompletableFuture<?> answer, Completion complete) {}
}
