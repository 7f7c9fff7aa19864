package dev.tinyvm.guestlink;

import dev.tinyvm.guestlink.wire.WireException;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** DATA that came on a stream and is waiting for its reader: bounded by the receive window, small frames joined. */
final class ByteInbox {
    private static final int CHUNK_BYTES = 16 << 10;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<Chunk> chunks = new ArrayDeque<>();
    private final ReceiveWindow window = new ReceiveWindow();
    private final IntConsumer grant;
    private final Runnable waitedInVain;
    private boolean ended;
    private @Nullable Supplier<IOException> failure;

    /**
     * @param grant gives the guest credit
     * @param waitedInVain called when a reader waited its whole patience; may {@link #fail}
     */
    ByteInbox(IntConsumer grant, Runnable waitedInVain) {
        this.grant = grant;
        this.waitedInVain = waitedInVain;
    }

    void received(byte[] bytes) throws WireException {
        lock.lock();
        try {
            if (bytes.length == 0 || ended) {
                throw new WireException(ended ? "DATA after END" : "DATA without bytes");
            }
            window.received(bytes.length);
            Chunk last = chunks.peekLast();
            if (last != null && last.end + bytes.length <= CHUNK_BYTES) {
                last.append(bytes);
            } else {
                chunks.addLast(new Chunk(bytes));
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** No more bytes will come; what is there can still be read. False when that was known. */
    boolean end() {
        lock.lock();
        try {
            boolean first = !ended;
            ended = true;
            changed.signalAll();
            return first;
        } finally {
            lock.unlock();
        }
    }

    /** After what is there, reads fail. Nothing happens after {@link #end}. */
    void fail(Supplier<IOException> why) {
        lock.lock();
        try {
            if (failure == null && !ended) {
                failure = why;
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Drops what is there: nobody will read. */
    void discard() {
        lock.lock();
        try {
            chunks.clear();
        } finally {
            lock.unlock();
        }
    }

    boolean hasUnread() {
        lock.lock();
        try {
            return !chunks.isEmpty();
        } finally {
            lock.unlock();
        }
    }

    int credit() {
        lock.lock();
        try {
            return window.credit();
        } finally {
            lock.unlock();
        }
    }

    /** Reads as {@link InputStream#read(byte[], int, int)}. @param patience after which {@code waitedInVain} is called; null: none */
    int read(byte[] into, int offset, int length, @Nullable Duration patience) throws IOException {
        java.util.Objects.checkFromIndexSize(offset, length, into.length);
        if (length == 0) {
            return 0;
        }
        int count;
        int credit;
        lock.lock();
        try {
            awaitBytes(patience);
            Chunk first = chunks.peekFirst();
            if (first == null) {
                if (failure != null) {
                    throw failure.get();
                }
                return -1;
            }
            count = Math.min(length, first.end - first.start);
            System.arraycopy(first.bytes, first.start, into, offset, count);
            first.start += count;
            if (first.start == first.end) {
                chunks.removeFirst();
            }
            credit = ended || failure != null ? 0 : window.consumed(count);
        } finally {
            lock.unlock();
        }
        if (credit > 0) {
            grant.accept(credit);
        }
        return count;
    }

    private void awaitBytes(@Nullable Duration patience) throws IOException {
        try {
            while (chunks.isEmpty() && !ended && failure == null) {
                if (patience == null) {
                    changed.await();
                } else if (changed.awaitNanos(patience.toNanos()) <= 0 && chunks.isEmpty() && !ended) {
                    waitedInVain.run();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while reading", e);
        }
    }

    private static final class Chunk {
        private byte[] bytes;
        private int start;
        private int end;

        private Chunk(byte[] bytes) {
            this.bytes = bytes;
            this.end = bytes.length;
        }

        private void append(byte[] more) {
            if (bytes.length < end + more.length) {
                bytes = Arrays.copyOf(bytes, Math.max(end + more.length, Math.min(2 * bytes.length, CHUNK_BYTES)));
            }
            System.arraycopy(more, 0, bytes, end, more.length);
            end += more.length;
        }
    }
}
