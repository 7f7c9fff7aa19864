package dev.tinyvm.images;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * Reads a stream on a thread of its own, some buffers ahead, so that decompression and checks go on while files are written. What reading throws is thrown
 * where the reader is when it gets there. Closing ends the thread and closes the stream. For one reader.
 */
final class ReadAhead extends InputStream {
    private static final int BUFFERS = 8;
    private static final int BUFFER_BYTES = 1 << 18;

    private final InputStream in;
    private final BlockingQueue<Chunk> filled = new ArrayBlockingQueue<>(BUFFERS);
    private final BlockingQueue<byte[]> empty = new ArrayBlockingQueue<>(BUFFERS);
    private final Thread thread;
    private @Nullable Chunk current;
    private int at;

    /** What was read: under BUFFER_BYTES at the end, or a failure. */
    @SuppressWarnings("ArrayRecordComponent")
    private record Chunk(byte[] bytes, int length, @Nullable Throwable failure) {}

    ReadAhead(InputStream in) {
        this.in = in;
        for (int i = 0; i < BUFFERS; i++) {
            empty.add(new byte[BUFFER_BYTES]);
        }
        thread = Thread.ofPlatform().daemon().name("read-ahead").start(this::fill);
    }

    private void fill() {
        try {
            for (boolean more = true; more; ) {
                Chunk chunk = chunk(empty.take());
                filled.put(chunk);
                more = chunk.failure == null && chunk.length == BUFFER_BYTES;
            }
        } catch (InterruptedException e) {
            // Closed: nobody reads what would come.
        }
    }

    private Chunk chunk(byte[] buffer) {
        int length = 0;
        try {
            while (length < BUFFER_BYTES) {
                int read = in.read(buffer, length, BUFFER_BYTES - length);
                if (read < 0) {
                    break;
                }
                length += read;
            }
            return new Chunk(buffer, length, null);
        } catch (IOException | RuntimeException | Error e) {
            // An error too: the reader would wait for ever.
            return new Chunk(buffer, length, e);
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        Chunk chunk = current == null ? next(null) : current;
        while (at == chunk.length) {
            switch (chunk.failure) {
                case IOException e -> throw e;
                case RuntimeException e -> throw e;
                case Error e -> throw e;
                case null, default -> {}
            }
            if (chunk.length < BUFFER_BYTES) {
                return -1;
            }
            chunk = next(chunk);
        }
        int copied = Math.min(length, chunk.length - at);
        System.arraycopy(chunk.bytes, at, bytes, offset, copied);
        at += copied;
        return copied;
    }

    private Chunk next(@Nullable Chunk used) throws IOException {
        try {
            if (used != null) {
                empty.put(used.bytes);
            }
            Chunk chunk = filled.take();
            current = chunk;
            at = 0;
            return chunk;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted");
        }
    }

    @Override
    public void close() throws IOException {
        thread.interrupt();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        in.close();
    }
}
