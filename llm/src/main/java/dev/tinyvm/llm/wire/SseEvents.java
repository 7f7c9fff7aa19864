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

    private static final byte[] NOTHING = {};

    /** What has come of an event that is not ended; empty most of the time, since providers send whole ones. Thousands of streams wait at once. */
    private byte[] buffer = NOTHING;

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
        if ((long) size + length > EVENT_BYTES) {
            throw new IOException("an event is larger than " + EVENT_BYTES + " bytes");
        }
        if (size == 0) {
            keep(bytes, scan(bytes, offset, offset + length, sink), offset + length);
            return;
        }
        if (buffer.length - size < length) {
            buffer = Arrays.copyOf(buffer, Math.max(size + length, buffer.length * 2));
        }
        System.arraycopy(bytes, offset, buffer, size, length);
        keep(buffer, scan(buffer, 0, size + length, sink), size + length);
    }

    /** Hands on the events from {@code start} on, of which {@code scanned} bytes were looked at before. @return where the one begins that is not ended */
    private int scan(byte[] bytes, int start, int end, Sink sink) throws IOException {
        int eventStart = start;
        int at = start + scanned;
        int line = start + lineStart;
        while (at < end) {
            if (bytes[at++] != '\n') {
                continue;
            }
            int lineLength = at - 1 - line;
            boolean blank = lineLength == 0 || (lineLength == 1 && bytes[line] == '\r');
            line = at;
            if (blank) {
                sink.event(bytes, eventStart, at);
                eventStart = at;
            }
        }
        scanned = end - eventStart;
        lineStart = line - eventStart;
        return eventStart;
    }

    @SuppressWarnings("ReferenceEquality") // Which array it is, not what it holds.
    private void keep(byte[] bytes, int start, int end) {
        size = end - start;
        if (size == 0) {
            buffer = NOTHING;
        } else if (bytes == buffer) {
            System.arraycopy(buffer, start, buffer, 0, size);
        } else {
            buffer = Arrays.copyOfRange(bytes, start, end);
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
        return indexOf(bytes, start, end, needle) >= 0;
    }

    /** Where the needle first stands between start and end; −1: nowhere. */
    static int indexOf(byte[] bytes, int start, int end, byte[] needle) {
        int last = end - needle.length;
        for (int i = start; i <= last; i++) {
            if (bytes[i] == needle[0] && startsWith(bytes, i, end, needle)) {
                return i;
            }
        }
        return -1;
    }

    static boolean startsWith(byte[] bytes, int start, int end, byte[] prefix) {
        return end - start >= prefix.length
                && Arrays.equals(bytes, start, start + prefix.length, prefix, 0, prefix.length);
    }
}
