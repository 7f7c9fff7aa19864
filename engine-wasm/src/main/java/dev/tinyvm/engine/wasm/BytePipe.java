package dev.tinyvm.engine.wasm;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.net.SocketTimeoutException;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/** One direction of a connection in memory: {@value #ROOM_BYTES} bytes of room, then the writer waits. The monitor guards all fields. */
final class BytePipe {
    static final int ROOM_BYTES = 16 << 10;
    /** After so much silence a read fails: every wait has an end. Longer than any model thinks. */
    static final long SILENCE_NANOS = TimeUnit.MINUTES.toNanos(30);

    private final InputStream input = new In();
    private final OutputStream output = new Out();
    private byte[] ring = new byte[0];
    private int from;
    private int size;
    private boolean ended;
    private boolean broken;

    InputStream input() {
        return input;
    }

    OutputStream output() {
        return output;
    }

    /** What is there can still be read, and then comes the end. */
    synchronized void end() {
        ended = true;
        notifyAll();
    }

    /** Nothing can be read or written any more. */
    synchronized void breakOff() {
        broken = true;
        ring = new byte[0];
        size = 0;
        notifyAll();
    }

    private synchronized int read(byte[] into, int offset, int length) throws IOException {
        long deadline = System.nanoTime() + SILENCE_NANOS;
        while (size == 0 && !ended && !broken) {
            await(deadline);
        }
        if (broken) {
            throw new IOException("the connection is closed");
        }
        if (size == 0) {
            return -1;
        }
        int part = Math.min(length, Math.min(size, ring.length - from));
        System.arraycopy(ring, from, into, offset, part);
        from = (from + part) % ring.length;
        size -= part;
        notifyAll();
        return part;
    }

    private synchronized int write(byte[] bytes, int offset, int length) throws IOException {
        long deadline = System.nanoTime() + SILENCE_NANOS;
        while (size == ROOM_BYTES && !ended && !broken) {
            await(deadline);
        }
        if (ended || broken) {
            throw new IOException("the connection is closed");
        }
        if (ring.length == 0) {
            ring = new byte[ROOM_BYTES];
        }
        int at = (from + size) % ring.length;
        int part = Math.min(length, Math.min(ring.length - size, ring.length - at));
        System.arraycopy(bytes, offset, ring, at, part);
        size += part;
        notifyAll();
        return part;
    }

    private void await(long deadline) throws IOException {
        long left = deadline - System.nanoTime();
        if (left <= 0) {
            throw new SocketTimeoutException(
                    "nothing moved for " + TimeUnit.NANOSECONDS.toMinutes(SILENCE_NANOS) + " minutes");
        }
        try {
            TimeUnit.NANOSECONDS.timedWait(this, left);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted").initCause(e);
        }
    }

    private final class In extends InputStream {
        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, into.length);
            return length == 0 ? 0 : BytePipe.this.read(into, offset, length);
        }

        @Override
        public int available() {
            synchronized (BytePipe.this) {
                return size;
            }
        }

        /** Whoever writes is told. */
        @Override
        public void close() {
            breakOff();
        }
    }

    private final class Out extends OutputStream {
        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, bytes.length);
            int done = 0;
            while (done < length) {
                done += BytePipe.this.write(bytes, offset + done, length - done);
            }
        }

        @Override
        public void close() {
            end();
        }
    }
}
