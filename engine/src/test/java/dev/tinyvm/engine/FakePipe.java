package dev.tinyvm.engine;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** One direction of a connection: a bounded buffer between two threads. The monitor guards all fields. */
final class FakePipe {
    private final byte[] buffer = new byte[64 << 10];
    private int start;
    private int size;
    private boolean ended;
    private boolean broken;

    synchronized void end() {
        ended = true;
        notifyAll();
    }

    synchronized void breakOff() {
        broken = true;
        notifyAll();
    }

    InputStream input() {
        return new InputStream() {
            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] bytes, int offset, int length) throws IOException {
                return take(bytes, offset, length);
            }
        };
    }

    OutputStream output() {
        return new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                put(bytes, offset, length);
            }

            @Override
            public void close() {
                end();
            }
        };
    }

    private synchronized int take(byte[] bytes, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        while (size == 0 && !ended && !broken) {
            pause();
        }
        if (size == 0) {
            if (broken && !ended) {
                throw new IOException("the connection was cut");
            }
            return -1;
        }
        int count = Math.min(Math.min(length, size), buffer.length - start);
        System.arraycopy(buffer, start, bytes, offset, count);
        start = (start + count) % buffer.length;
        size -= count;
        notifyAll();
        return count;
    }

    private synchronized void put(byte[] bytes, int offset, int length) throws IOException {
        int at = offset;
        while (at < offset + length) {
            while (size == buffer.length && !ended && !broken) {
                pause();
            }
            if (ended || broken) {
                throw new IOException("the connection is closed");
            }
            int end = (start + size) % buffer.length;
            int count = Math.min(Math.min(offset + length - at, buffer.length - size), buffer.length - end);
            System.arraycopy(bytes, at, buffer, end, count);
            size += count;
            at += count;
            notifyAll();
        }
    }

    /** Waits once; callers loop. */
    @SuppressWarnings("WaitNotInLoop")
    private void pause() throws IOException {
        try {
            wait();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
