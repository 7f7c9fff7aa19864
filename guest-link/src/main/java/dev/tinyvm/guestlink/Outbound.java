package dev.tinyvm.guestlink;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntFunction;

/**
 * The writing half of a link. Frames go straight from the caller to the socket; only what the socket does not take at once is queued, in
 * order, and written by the loop's thread. The lock is a leaf: nothing else is locked under it.
 */
final class Outbound {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition drained = lock.newCondition();
    private final Deque<ByteBuffer> queue = new ArrayDeque<>();
    private final SocketChannel channel;
    private final Runnable wantWrite;
    private int queuedBytes;
    private boolean closed;

    Outbound(SocketChannel channel, Runnable wantWrite) {
        this.channel = channel;
        this.wantWrite = wantWrite;
    }

    /**
     * Sends or queues a frame; never blocks on the guest. Nothing happens on a closed link.
     *
     * @throws IOException the socket is broken
     * @throws OverflowException the guest does not read
     */
    void send(ByteBuffer frame) throws IOException, OverflowException {
        lock.lock();
        try {
            write(frame);
        } finally {
            lock.unlock();
        }
    }

    /** Sends the frame that {@code make} builds from a fresh number: numbers reach the guest in rising order. */
    void sendNumbered(IntFunction<ByteBuffer> make, Numbers numbers) throws IOException, OverflowException {
        lock.lock();
        try {
            write(make.apply(numbers.next()));
        } finally {
            lock.unlock();
        }
    }

    /** As {@link #send}, but first waits while much is queued. */
    void sendBulk(ByteBuffer frame) throws IOException, OverflowException, InterruptedException {
        lock.lockInterruptibly();
        try {
            while (queuedBytes >= LinkLimits.OUTBOUND_HIGH_BYTES && !closed) {
                drained.await();
            }
            write(frame);
        } finally {
            lock.unlock();
        }
    }

    /** Writes what is queued; on the loop's thread. */
    void flush() throws IOException {
        lock.lock();
        try {
            while (!queue.isEmpty() && !closed) {
                ByteBuffer first = queue.getFirst();
                queuedBytes -= channel.write(first);
                if (first.hasRemaining()) {
                    wantWrite.run();
                    break;
                }
                queue.removeFirst();
            }
            if (queuedBytes < LinkLimits.OUTBOUND_HIGH_BYTES) {
                drained.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    void close() {
        lock.lock();
        try {
            closed = true;
            queue.clear();
            queuedBytes = 0;
            drained.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void write(ByteBuffer frame) throws IOException, OverflowException {
        if (closed) {
            return;
        }
        if (queue.isEmpty()) {
            channel.write(frame);
        }
        if (frame.hasRemaining()) {
            if (queuedBytes + frame.remaining() > LinkLimits.OUTBOUND_MAX_BYTES) {
                throw new OverflowException();
            }
            if (queue.isEmpty()) {
                wantWrite.run();
            }
            queue.addLast(frame);
            queuedBytes += frame.remaining();
        }
    }

    /** Gives numbers to streams. */
    interface Numbers {
        int next();
    }

    /** Too much waits for a guest that does not read. */
    static final class OverflowException extends Exception {
        private static final long serialVersionUID = 1;
    }
}
