package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.GuestProcess.Output;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * What a process reads and writes. Output is kept until it is acknowledged; with {@value #KEPT_BYTES} bytes kept the guest waits. The monitor
 * guards all fields. Guest methods return early with −1 once {@link #abort} was called; the caller then stands at its checkpoint.
 */
final class ProcessStreams {
    static final int KEPT_BYTES = 128 << 10;
    static final int STDIN_BYTES = 64 << 10;
    private static final int CHUNK_BYTES = 32 << 10;

    private final Deque<Output> kept = new ArrayDeque<>();
    private byte[] stdin = new byte[0];
    private int stdinFrom;
    private int stdinTo;
    private boolean stdinClosed;
    private boolean aborted;
    private long stdoutOffset;
    private long stderrOffset;
    private int keptBytes;
    private @Nullable Output end;
    private @Nullable WasmStream reader;

    ProcessStreams(boolean stdin) {
        this.stdinClosed = !stdin;
    }

    /** The guest writes up to 32 KiB of these bytes. @return how many, −1 when aborted */
    synchronized int write(boolean toStderr, byte[] bytes, int offset, int length) throws InterruptedException {
        int part = Math.min(length, CHUNK_BYTES);
        while (keptBytes + part > KEPT_BYTES && !aborted) {
            wait();
        }
        if (aborted) {
            return -1;
        }
        keep(toStderr, Arrays.copyOfRange(bytes, offset, offset + part));
        return part;
    }

    /** The engine's own last words, never waiting. */
    synchronized void lastWords(String text) {
        keep(true, text.getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    /** The guest reads. @return bytes, 0 at the end of input, −1 when aborted */
    synchronized int read(byte[] into, int offset, int length) throws InterruptedException {
        while (stdinFrom == stdinTo && !stdinClosed && !aborted) {
            wait();
        }
        if (aborted) {
            return -1;
        }
        int part = Math.min(length, stdinTo - stdinFrom);
        System.arraycopy(stdin, stdinFrom, into, offset, part);
        stdinFrom += part;
        notifyAll();
        return part;
    }

    /** Waits for input or its end. @return bytes that can be read at once, 0 when the time is over */
    synchronized int awaitInput(long nanos) throws InterruptedException {
        long deadline = System.nanoTime() + nanos;
        while (stdinFrom == stdinTo && !stdinClosed && !aborted) {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                return 0;
            }
            java.util.concurrent.TimeUnit.NANOSECONDS.timedWait(this, left);
        }
        return stdinTo - stdinFrom;
    }

    synchronized boolean hasInput() {
        return stdinFrom < stdinTo;
    }

    /** Whether a read would return at once. */
    synchronized boolean inputReady() {
        return stdinClosed || stdinFrom < stdinTo;
    }

    synchronized int available() {
        return stdinTo - stdinFrom;
    }

    /** No guest call waits from now on. */
    synchronized void abort() {
        aborted = true;
        notifyAll();
    }

    /** @return false when the process has ended or its input is closed */
    synchronized boolean writeStdin(byte[] bytes, int offset, int length) throws InterruptedException {
        int at = offset;
        int left = length;
        while (left > 0) {
            while (end == null && !stdinClosed && stdinTo - stdinFrom >= STDIN_BYTES) {
                wait();
            }
            if (end != null || stdinClosed) {
                return false;
            }
            int part = Math.min(left, STDIN_BYTES - (stdinTo - stdinFrom));
            byte[] next = new byte[stdinTo - stdinFrom + part];
            System.arraycopy(stdin, stdinFrom, next, 0, stdinTo - stdinFrom);
            System.arraycopy(bytes, at, next, stdinTo - stdinFrom, part);
            stdin = next;
            stdinFrom = 0;
            stdinTo = next.length;
            at += part;
            left -= part;
            notifyAll();
        }
        return end == null && !stdinClosed;
    }

    synchronized void closeStdin() {
        stdinClosed = true;
        notifyAll();
    }

    synchronized void acknowledge(long stdout, long stderr) {
        kept.removeIf(output -> {
            boolean safe = endOf(output) <= (output instanceof Output.Stdout ? stdout : stderr);
            keptBytes -= safe ? bytesOf(output).length : 0;
            return safe;
        });
        notifyAll();
    }

    /** Makes this the only reader; the one before it is told so. */
    synchronized void attach(WasmStream stream) {
        WasmStream older = reader;
        reader = stream;
        if (older != null) {
            older.lose("another reader has attached to the process");
        }
        notifyAll();
    }

    /** The next output that the stream has not seen, waiting for it. */
    synchronized Output next(WasmStream stream) throws InterruptedException {
        while (true) {
            Output lost = stream.lost();
            if (lost != null) {
                return lost;
            }
            for (Output output : kept) {
                long wanted = output instanceof Output.Stdout ? stream.stdoutOffset() : stream.stderrOffset();
                if (endOf(output) > wanted) {
                    return from(output, wanted);
                }
            }
            if (end != null) {
                return end;
            }
            wait();
        }
    }

    synchronized void wake() {
        notifyAll();
    }

    /** The first end counts. */
    synchronized void finish(Output last) {
        if (end == null) {
            end = last;
        }
        stdin = new byte[0];
        stdinFrom = 0;
        stdinTo = 0;
        notifyAll();
    }

    synchronized boolean ended() {
        return end != null;
    }

    static long endOf(Output output) {
        return switch (output) {
            case Output.Stdout o -> o.offset() + o.bytes().length;
            case Output.Stderr o -> o.offset() + o.bytes().length;
            default -> 0;
        };
    }

    private void keep(boolean toStderr, byte[] chunk) {
        kept.add(toStderr ? new Output.Stderr(stderrOffset, chunk) : new Output.Stdout(stdoutOffset, chunk));
        keptBytes += chunk.length;
        if (toStderr) {
            stderrOffset += chunk.length;
        } else {
            stdoutOffset += chunk.length;
        }
        notifyAll();
    }

    private static Output from(Output output, long wanted) {
        byte[] bytes = bytesOf(output);
        long start = endOf(output) - bytes.length;
        if (wanted <= start) {
            return output;
        }
        byte[] rest = Arrays.copyOfRange(bytes, (int) (wanted - start), bytes.length);
        return output instanceof Output.Stdout ? new Output.Stdout(wanted, rest) : new Output.Stderr(wanted, rest);
    }

    private static byte[] bytesOf(Output output) {
        return switch (output) {
            case Output.Stdout o -> o.bytes();
            case Output.Stderr o -> o.bytes();
            default -> new byte[0];
        };
    }
}
