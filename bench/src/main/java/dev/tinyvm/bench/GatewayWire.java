package dev.tinyvm.bench;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** One kept-alive HTTP/1.1 connection of a client that costs little beside what it measures. For one thread. */
final class GatewayWire implements Closeable {
    private static final int SO_TIMEOUT_MILLIS = 60_000;

    private final Socket socket;
    private final InputStream in;
    private final String head;

    /** @param path of chat completions there */
    GatewayWire(int port, String path, String key) throws IOException {
        socket = new Socket(java.net.InetAddress.getLoopbackAddress(), port);
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(SO_TIMEOUT_MILLIS);
        in = new BufferedInputStream(socket.getInputStream(), 4096);
        head = "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + key
                + "\r\nContent-Type: application/json\r\nContent-Length: ";
    }

    /** Hears of each chunk when it is there. */
    @FunctionalInterface
    interface Chunks {
        void at(long nanos, String chunk);
    }

    /** Sends a request and reads its answer to the end. @return when the first byte of the answer's body was there */
    long call(String model, boolean streams, Chunks chunks) throws IOException {
        String body = "{\"model\":\"" + model + "\"," + (streams ? "\"stream\":true," : "")
                + "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
        socket.getOutputStream().write((head + body.length() + "\r\n\r\n" + body).getBytes(StandardCharsets.US_ASCII));
        String status = line(in);
        if (!status.startsWith("HTTP/1.1 200")) {
            throw new IOException("the answer was: " + status);
        }
        int length = length(in);
        if (length >= 0) {
            byte[] whole = in.readNBytes(length);
            long now = System.nanoTime();
            if (whole.length < length) {
                throw new EOFException("the answer broke off");
            }
            return now;
        }
        long first = 0;
        while (true) {
            int size = Integer.parseInt(line(in), 16);
            byte[] chunk = in.readNBytes(size);
            long now = System.nanoTime();
            line(in);
            if (size == 0) {
                return first;
            }
            first = first == 0 ? now : first;
            chunks.at(now, new String(chunk, StandardCharsets.US_ASCII));
        }
    }

    /** Reads a request; null at the end. @return its body */
    static @Nullable String request(InputStream in) throws IOException {
        in.mark(1);
        if (in.read() < 0) {
            return null;
        }
        in.reset();
        line(in);
        int length = length(in);
        return new String(in.readNBytes(Math.max(0, length)), StandardCharsets.US_ASCII);
    }

    /** Reads header fields. @return Content-Length, or -1 */
    private static int length(InputStream in) throws IOException {
        int length = -1;
        for (String field = line(in); !field.isEmpty(); field = line(in)) {
            if (field.toLowerCase(Locale.ROOT).startsWith("content-length:")) {
                length = Integer.parseInt(
                        field.substring("content-length:".length()).strip());
            }
        }
        return length;
    }

    private static String line(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder(64);
        for (int b = in.read(); b != '\n'; b = in.read()) {
            if (b < 0) {
                throw new EOFException("the connection ended");
            }
            if (b != '\r') {
                line.append((char) b);
            }
        }
        return line.toString();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
