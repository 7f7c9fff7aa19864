package dev.tinyvm.llm.http;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The gateway's side of one HTTP/1.1 connection to a provider without TLS. Everything happens on the calling thread, which is a virtual one: so an answer goes from the socket to the client without a second thread, and an interrupt ends a read at
 * once (and the connection with it).
 *
 * <p>One call at a time, by one thread; parsed strictly: what two readers could understand in two ways is refused, and ends the connection.
 */
public final class ProviderConnection implements AutoCloseable {
    private static final int PART_BYTES = 8 << 10;
    /** For heads and the parts of a stream; thousands of connections wait at once. */
    private static final int BUFFER_BYTES = 2 << 10;
    /** Of an answer's head, all interim ones included. */
    static final int HEAD_BYTES = 256 << 10;

    /** Ends reads whose time is over. Not {@link Socket#setSoTimeout}: a virtual thread's timed read sets a timer and cancels it, which wakes another thread twice for each part of a stream. */
    private static final Lookout<ProviderConnection> READING =
            new Lookout<>("tinyvm-llm-read-deadlines", ProviderConnection::endWhenOverdue);

    private final Socket socket;
    private final WireInput in;
    private final AtomicReference<Read> read = new AtomicReference<>(Read.NONE);
    private volatile long deadlineNanos;
    private Framing framing = Framing.NONE;
    private long left;
    private boolean firstChunk;
    private boolean keep;
    private long idleSinceNanos;

    private enum Read {
        NONE,
        UNDER_WAY,
        OVERDUE
    }

    private enum Framing {
        NONE,
        LENGTH,
        CHUNKED,
        CLOSE
    }

    /** An answer's head. */
    public record Head(int status, Headers headers) {}

    private ProviderConnection(Socket socket, InputStream from) {
        this.socket = socket;
        in = new WireInput(new Timed(from), BUFFER_BYTES);
    }

    /** @throws IOException it cannot be opened within the time */
    public static ProviderConnection open(String host, int port, Duration most) throws IOException {
        Socket socket = new Socket();
        try {
            socket.setTcpNoDelay(true);
            socket.connect(new InetSocketAddress(host, port), millis(most.toNanos()));
            return new ProviderConnection(socket, socket.getInputStream());
        } catch (IOException | RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    /** Head and body leave as one write. */
    public void send(byte[] head, byte[] body) throws IOException {
        byte[] all = head;
        if (body.length > 0) {
            all = Arrays.copyOf(head, head.length + body.length);
            System.arraycopy(body, 0, all, head.length, body.length);
        }
        socket.getOutputStream().write(all);
    }

    /**
     * Reads the head of the answer; null when the provider closed instead of answering.
     *
     * @param method of the request
     * @throws SocketTimeoutException it did not come in time
     * @throws IOException it broke off or is not HTTP
     */
    public @Nullable Head head(String method, long deadline) throws IOException {
        deadlineNanos = deadline;
        READING.add(this);
        if (!in.fill()) {
            return null;
        }
        int most = HEAD_BYTES;
        while (true) {
            String line = in.line(most, 0);
            most -= line.length() + 2;
            int status = status(line);
            List<Headers.Field> fields = new ArrayList<>();
            for (String field = in.line(most, 0); !field.isEmpty(); field = in.line(most, 0)) {
                most -= field.length() + 2;
                if (most < 2) {
                    throw new IOException("its header fields are larger than " + HEAD_BYTES + " bytes");
                }
                fields.add(RequestHead.field(field));
            }
            if (status >= 200) {
                Headers headers = Headers.of(fields);
                frame(method, status, headers, line.startsWith("HTTP/1.1"));
                return new Head(status, headers);
            }
            if (status == 101) {
                throw new IOException("it answered 101 unasked");
            }
        }
    }

    /**
     * The next bytes of the body; null at its end.
     *
     * @throws SocketTimeoutException nothing came in time
     */
    public byte @Nullable [] next(long deadline) throws IOException {
        deadlineNanos = deadline;
        if (framing == Framing.CHUNKED && left == 0 && !nextChunk()) {
            framing = Framing.NONE;
        }
        if (framing == Framing.NONE) {
            return null;
        }
        byte[] part = part(framing == Framing.CLOSE ? PART_BYTES : (int) Math.min(PART_BYTES, left));
        if (part.length == 0) {
            if (framing == Framing.CLOSE) {
                framing = Framing.NONE;
                return null;
            }
            throw new EOFException("the connection ended within the body");
        }
        left -= part.length;
        if (framing == Framing.LENGTH && left == 0) {
            framing = Framing.NONE;
        }
        return part;
    }

    /** What is there of the next bytes, or comes next; empty at the connection's end. A large part is read into its own array, a small one by way of the buffer: none is held while a stream is silent. */
    private byte[] part(int most) throws IOException {
        boolean large = most > BUFFER_BYTES && !in.hasBuffered();
        if (!large && !in.fill()) {
            return new byte[0];
        }
        byte[] bytes = new byte[large ? most : Math.min(most, in.buffered())];
        int size = in.read(bytes, 0, bytes.length);
        return size == bytes.length ? bytes : Arrays.copyOf(bytes, Math.max(0, size));
    }

    /** Whether the answer has ended and another call may follow. */
    public boolean isReusable() {
        return framing == Framing.NONE && keep && !in.hasBuffered();
    }

    void rested(long nanos) {
        READING.remove(this);
        idleSinceNanos = nanos;
    }

    long idleSinceNanos() {
        return idleSinceNanos;
    }

    @Override
    public void close() {
        READING.remove(this);
        closeSocket();
    }

    private void closeSocket() {
        try {
            socket.close();
        } catch (IOException e) {
            // It is gone all the same.
        }
    }

    /** On the thread that looks. */
    private boolean endWhenOverdue() {
        boolean overdue = read.get() == Read.UNDER_WAY
                && System.nanoTime() - deadlineNanos > 0
                && read.compareAndSet(Read.UNDER_WAY, Read.OVERDUE);
        if (overdue) {
            closeSocket();
        }
        return overdue;
    }

    private static int status(String line) throws IOException {
        if ((line.startsWith("HTTP/1.1 ") || line.startsWith("HTTP/1.0 "))
                && line.length() >= 12
                && (line.length() == 12 || line.charAt(12) == ' ')) {
            String digits = line.substring(9, 12);
            if (digits.chars().allMatch(c -> c >= '0' && c <= '9') && digits.charAt(0) != '0') {
                return Integer.parseInt(digits);
            }
        }
        throw new IOException("its answer is not HTTP/1.1");
    }

    private void frame(String method, int status, Headers headers, boolean persistent) throws IOException {
        List<String> codings = headers.all("Transfer-Encoding");
        List<String> lengths = headers.all("Content-Length");
        keep = persistent;
        for (String option : headers.all("Connection")) {
            keep &= !option.toLowerCase(java.util.Locale.ROOT).contains("close");
        }
        left = 0;
        if (method.equals("HEAD") || status == 204 || status == 304) {
            framing = Framing.NONE;
        } else if (!codings.isEmpty()) {
            if (codings.size() > 1 || !codings.getFirst().equalsIgnoreCase("chunked") || !lengths.isEmpty()) {
                throw new IOException("the framing of its answer is not clear");
            }
            framing = Framing.CHUNKED;
            firstChunk = true;
        } else if (lengths.isEmpty()) {
            framing = Framing.CLOSE;
            keep = false;
        } else {
            String length = lengths.getFirst();
            if (lengths.size() > 1 || !length.matches("[0-9]{1,18}")) {
                throw new IOException("the framing of its answer is not clear");
            }
            left = Long.parseLong(length);
            framing = left == 0 ? Framing.NONE : Framing.LENGTH;
        }
    }

    private boolean nextChunk() throws IOException {
        if (!firstChunk && !in.line(2, 0).isEmpty()) {
            throw new IOException("a chunk of its answer is longer than it says");
        }
        firstChunk = false;
        String line = in.line(HttpLimits.CHUNK_LINE_BYTES, 0);
        int semicolon = line.indexOf(';');
        String size = (semicolon < 0 ? line : line.substring(0, semicolon)).stripTrailing();
        if (size.isEmpty() || size.length() > 8) {
            throw new IOException("a chunk of its answer has no size");
        }
        for (int i = 0; i < size.length(); i++) {
            if (size.charAt(i) > 0x7f || Character.digit(size.charAt(i), 16) < 0) {
                throw new IOException("a chunk of its answer has no size");
            }
        }
        left = Long.parseLong(size, 16);
        if (left > 0) {
            return true;
        }
        int most = HEAD_BYTES;
        for (String trailer = in.line(most, 0); !trailer.isEmpty(); trailer = in.line(most, 0)) {
            most -= trailer.length() + 2;
            if (most < 2) {
                throw new IOException("the trailers of its answer are too large");
            }
        }
        return false;
    }

    private static int millis(long nanos) {
        return (int) Math.max(1, Math.min(Integer.MAX_VALUE, (nanos + 999_999) / 1_000_000));
    }

    /** Reads up to the deadline (and {@link Lookout#EVERY} at most), however slowly the bytes drip. */
    private final class Timed extends InputStream {
        private final InputStream from;

        Timed(InputStream from) {
            this.from = from;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            if (deadlineNanos - System.nanoTime() <= 0) {
                throw overdue(null);
            }
            read.set(Read.UNDER_WAY);
            int size;
            try {
                size = from.read(into, offset, length);
            } catch (IOException e) {
                throw read.getAndSet(Read.NONE) == Read.OVERDUE ? overdue(e) : e;
            }
            if (read.getAndSet(Read.NONE) == Read.OVERDUE) {
                throw overdue(null);
            }
            return size;
        }

        private static SocketTimeoutException overdue(@Nullable IOException cause) {
            SocketTimeoutException overdue = new SocketTimeoutException("the time is over");
            overdue.initCause(cause);
            return overdue;
        }
    }
}
