package dev.tinyvm.guestlink;

import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.guestlink.wire.WireException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * A process's output that nobody has taken yet, in order. Neighbouring small frames are joined, so that memory follows the bytes and not the
 * number of frames. Guarded by the stream's lock.
 */
final class OutputQueue {
    private static final int CHUNK_BYTES = 16 << 10;
    private static final byte[] NOTHING = new byte[0];

    private final Deque<Chunk> chunks = new ArrayDeque<>();
    private long nextStdout;
    private long nextStderr;

    /** An offset may be {@link Machine#OLDEST_KEPT}: then the first bytes say where they begin. */
    OutputQueue(long stdoutOffset, long stderrOffset) {
        nextStdout = stdoutOffset;
        nextStderr = stderrOffset;
    }

    void add(boolean stderr, long offset, byte[] bytes) throws WireException {
        long expected = stderr ? nextStderr : nextStdout;
        if (offset != expected && expected != Machine.OLDEST_KEPT) {
            throw new WireException("output at the offset " + offset + " where " + expected + " was due");
        }
        if (stderr) {
            nextStderr = offset + bytes.length;
        } else {
            nextStdout = offset + bytes.length;
        }
        Chunk last = chunks.peekLast();
        if (last != null && last.stderr == stderr && last.size + bytes.length <= CHUNK_BYTES) {
            last.append(bytes);
        } else {
            chunks.addLast(new Chunk(stderr, offset, bytes));
        }
    }

    @Nullable
    Output poll() {
        Chunk chunk = chunks.pollFirst();
        if (chunk == null) {
            return null;
        }
        byte[] bytes = chunk.size == chunk.bytes.length ? chunk.bytes : Arrays.copyOf(chunk.bytes, chunk.size);
        return chunk.stderr ? new Output.Stderr(chunk.offset, bytes) : new Output.Stdout(chunk.offset, bytes);
    }

    void clear() {
        chunks.clear();
    }

    static byte[] bytes(Output output) {
        return switch (output) {
            case Output.Stdout o -> o.bytes();
            case Output.Stderr o -> o.bytes();
            default -> NOTHING;
        };
    }

    private static final class Chunk {
        private final boolean stderr;
        private final long offset;
        private byte[] bytes;
        private int size;

        private Chunk(boolean stderr, long offset, byte[] bytes) {
            this.stderr = stderr;
            this.offset = offset;
            this.bytes = bytes;
            this.size = bytes.length;
        }

        private void append(byte[] more) {
            if (bytes.length < size + more.length) {
                bytes = Arrays.copyOf(bytes, Math.max(size + more.length, Math.min(2 * bytes.length, CHUNK_BYTES)));
            }
            System.arraycopy(more, 0, bytes, size, more.length);
            size += more.length;
        }
    }
}
