package dev.tinyvm.llm.wire;

import java.io.IOException;
import java.util.Arrays;

/**
 * Cuts a stream of server-sent events at the blank lines between them. Events keep their bytes. A line ends with LF or CR LF; the lone CR, which the standard allows
 * too, no provider sends.
 */
public final class SseEvents {
    /** Larger events are not looked into. */
    public static final int EVENT_BYTES = 16 << 20;

    private static final byte[] DATA = {'d', 'a', 't', 'a', ':'};

    private byte[] buffer = new byte[4096];
    private int size;
    private int scanned;
    private int lineStart;

    /** Takes events. */
    @FunctionalInterface
    public interface Sink {
        /** One event from {@code start} to {@code end} with the blank line that ends it; the bytes hold only during the call. */
        void event(byte[] bytes, int start, int end) throws IOException;
    }

    /**
     * Adds what has come, and hands on every event that is now complete.
     *
     * @throws IOException an event is larger than {@link #EVENT_BYTES}, or the sink's own
     */
    public void feed(byte[] bytes, int offset, int length, Sink sink) throws IOException {
        if (buffer.length - size < length) {
            if ((long) size + length > EVENT_BYTES) {
                throw new IOException("an event is larger than " + EVENT_BYTES + " bytes");
            }
            buffer = Arrays.copyOf(buffer, Math.max(size + length, buffer.length * 2));
        }
        System.arraycopy(bytes, offset, buffer, size, length);
        size += length;
        int eventStart = 0;
        while (scanned < size) {
            if (buffer[scanned++] != '\n') {
                continue;
            }
            int lineLength = scanned - 1 - lineStart;
            boolean blank = lineLength == 0 || (lineLength == 1 && buffer[lineStart] == '\r');
            lineStart = scanned;
            if (blank) {
                sink.event(buffer, eventStart, scanned);
                eventStart = scanned;
            }
        }
        if (eventStart > 0) {
            System.arraycopy(buffer, eventStart, buffer, 0, size - eventStart);
            size -= eventStart;
            scanned -= eventStart;
            lineStart -= eventStart;
        }
    }

    /** What has come of an event that was not ended. */
    public byte[] rest() {
        return Arrays.copyOf(buffer, size);
    }

    /** The value of an event's data: of its only data line in most cases, joined by LF otherwise; empty when there is none. */
    public static byte[] data(byte[] bytes, int start, int end) {
        byte[] joined = new byte[0];
        boolean first = true;
        int line = start;
        while (line < end) {
            int stop = line;
            while (stop < end && bytes[stop] != '\n') {
                stop++;
            }
            if (startsWith(bytes, line, stop, DATA)) {
                int from = line + DATA.length;
                if (from < stop && bytes[from] == ' ') {
                    from++;
                }
                int to = stop > from && bytes[stop - 1] == '\r' ? stop - 1 : stop;
                if (first) {
                    joined = Arrays.copyOfRange(bytes, from, to);
                    first = false;
                } else {
                    int old = joined.length;
                    joined = Arrays.copyOf(joined, old + 1 + to - from);
                    joined[old] = '\n';
                    System.arraycopy(bytes, from, joined, old + 1, to - from);
                }
            }
            line = stop + 1;
        }
        return joined;
    }

    /** Whether the needle stands between start and end. */
    public static boolean contains(byte[] bytes, int start, int end, byte[] needle) {
        int last = end - needle.length;
        for (int i = start; i <= last; i++) {
            if (bytes[i] == needle[0] && startsWith(bytes, i, end, needle)) {
                return true;
            }
        }
        return false;
    }

    private static boolean startsWith(byte[] bytes, int start, int end, byte[] prefix) {
        return end - start >= prefix.length
                && Arrays.equals(bytes, start, start + prefix.length, prefix, 0, prefix.length);
    }
}
