package dev.tinyvm.bench;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * One keep-alive HTTP/1.1 connection with as little as possible between the measurement and the manager: a request is one write, an answer is parsed by hand (RFC 9112, {@code Content-Length} and
 * chunked bodies). For one thread.
 */
final class Wire implements AutoCloseable {
    private static final int TIMEOUT_MILLIS = 120_000;
    private static final int MAX_LINE_BYTES = 16 << 10;
    private static final int MAX_BODY_BYTES = 64 << 20;

    private final String host;
    private final String key;
    private final Socket socket;
    private final InputStream in;
    private final OutputStream out;

    Wire(String url, String key) throws IOException {
        URI address = URI.create(url);
        this.host = address.getAuthority();
        this.key = key;
        this.socket = new Socket();
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(TIMEOUT_MILLIS);
        socket.connect(
                new InetSocketAddress(address.getHost(), address.getPort() < 0 ? 80 : address.getPort()),
                TIMEOUT_MILLIS);
        this.in = new BufferedInputStream(socket.getInputStream(), 16 << 10);
        this.out = socket.getOutputStream();
    }

    /** An answer. */
    record Answer(int status, String body) {
        /** The value of a string field that occurs once; enough for the few fields that are needed. */
        String field(String name) throws IOException {
            int at = body.indexOf("\"" + name + "\"");
            int open = at < 0 ? -1 : body.indexOf('"', body.indexOf(':', at));
            int close = open < 0 ? -1 : body.indexOf('"', open + 1);
            if (close < 0) {
                throw new IOException(
                        "the answer has no field " + name + ": " + body.substring(0, Math.min(300, body.length())));
            }
            return body.substring(open + 1, close);
        }
    }

    /** Sends a request and reads its answer; one that is no 2xx throws. @param json empty: no body */
    Answer call(String method, String path, String json) throws IOException {
        byte[] body = json.getBytes(StandardCharsets.UTF_8);
        String head = method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + key
                + (body.length > 0 ? "\r\nContent-Type: application/json" : "") + "\r\nContent-Length: " + body.length
                + "\r\n\r\n";
        byte[] headBytes = head.getBytes(StandardCharsets.US_ASCII);
        byte[] all = new byte[headBytes.length + body.length];
        System.arraycopy(headBytes, 0, all, 0, headBytes.length);
        System.arraycopy(body, 0, all, headBytes.length, body.length);
        out.write(all);
        Answer answer = read();
        if (answer.status / 100 != 2) {
            throw new IOException(method + " " + path + " was answered " + answer.status + ": " + answer.body.strip());
        }
        return answer;
    }

    private Answer read() throws IOException {
        String status = line();
        if (!status.startsWith("HTTP/1.1 ") || status.length() < 12) {
            throw new IOException("no HTTP answer: " + status);
        }
        int code = Integer.parseInt(status.substring(9, 12));
        int length = 0;
        boolean chunked = false;
        for (String header = line(); !header.isEmpty(); header = line()) {
            String lower = header.toLowerCase(Locale.ROOT);
            if (lower.startsWith("content-length:")) {
                length = Integer.parseInt(
                        lower.substring("content-length:".length()).strip());
            } else if (lower.startsWith("transfer-encoding:") && lower.contains("chunked")) {
                chunked = true;
            }
        }
        return new Answer(code, code == 204 ? "" : chunked ? chunks() : text(length));
    }

    private String chunks() throws IOException {
        StringBuilder body = new StringBuilder();
        while (true) {
            int size = Integer.parseInt(line().replaceFirst(";.*", "").strip(), 16);
            body.append(text(size));
            String end = line();
            if (size == 0) {
                return body.toString();
            }
            if (!end.isEmpty() || body.length() > MAX_BODY_BYTES) {
                throw new IOException("a broken chunk");
            }
        }
    }

    private String text(int length) throws IOException {
        if (length > MAX_BODY_BYTES) {
            throw new IOException("an answer of " + length + " bytes");
        }
        byte[] bytes = in.readNBytes(length);
        if (bytes.length < length) {
            throw new EOFException("the manager closed the connection");
        }
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private String line() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int b = in.read(); b != '\n'; b = in.read()) {
            if (b < 0 || line.length() > MAX_LINE_BYTES) {
                throw new EOFException("the manager closed the connection");
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
