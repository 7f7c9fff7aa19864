package dev.tinyvm.llm.http;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One answer on an {@link HttpConnection}. The head leaves with the first part of the body: one write, one frame on the guest link. */
final class ConnectionAnswer implements Answer {
    private static final byte[] CRLF = {'\r', '\n'};
    private static final byte[] LAST_CHUNK = {'0', '\r', '\n', '\r', '\n'};
    private static final long UNKNOWN = -1;

    private final OutputStream out;
    private final RequestHead request;
    private final RequestBody body;
    private final Consumer<ConnectionAnswer> watcher;
    private final Object goneLock = new Object();
    private final ByteArrayOutputStream pending = new ByteArrayOutputStream(512);
    private @Nullable Runnable gone;
    private boolean finished;
    private boolean begun;
    private boolean complete;
    private boolean chunked;
    private boolean bodiless;
    private boolean keep;
    private long left = UNKNOWN;

    ConnectionAnswer(OutputStream out, RequestHead request, RequestBody body, Consumer<ConnectionAnswer> watcher) {
        this.out = out;
        this.request = request;
        this.body = body;
        this.watcher = watcher;
    }

    @Override
    public void begin(int status, Headers headers) throws IOException {
        if (begun) {
            throw new IllegalStateException("the answer has begun already");
        }
        begun = true;
        bodiless = status == 204 || status == 304 || request.method().equals("HEAD");
        left = headers.first("Content-Length").map(Long::parseLong).orElse(UNKNOWN);
        chunked = left == UNKNOWN && !bodiless && !request.http10();
        keep = request.keepAlive() && (chunked || bodiless || left != UNKNOWN) && !body.isUnasked();
        StringBuilder head = new StringBuilder(256);
        head.append("HTTP/1.1 ")
                .append(status)
                .append(' ')
                .append(reason(status))
                .append("\r\n");
        for (Headers.Field field : headers) {
            head.append(field.name()).append(": ").append(field.value()).append("\r\n");
        }
        if (chunked) {
            head.append("Transfer-Encoding: chunked\r\n");
        }
        if (!keep) {
            head.append("Connection: close\r\n");
        } else if (request.http10()) {
            head.append("Connection: keep-alive\r\n");
        }
        head.append("\r\n");
        pending.write(head.toString().getBytes(StandardCharsets.ISO_8859_1));
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        if (!begun || complete) {
            throw new IllegalStateException("the answer is not open");
        }
        if (length == 0 || bodiless) {
            return;
        }
        if (chunked) {
            pending.write(Integer.toHexString(length).getBytes(StandardCharsets.US_ASCII));
            pending.write(CRLF);
            pending.write(bytes, offset, length);
            pending.write(CRLF);
        } else {
            if (left != UNKNOWN) {
                if (length > left) {
                    throw new IOException("the answer is longer than its Content-Length");
                }
                left -= length;
            }
            pending.write(bytes, offset, length);
        }
        flush();
    }

    @Override
    public void end() throws IOException {
        if (complete) {
            return;
        }
        if (!begun) {
            throw new IllegalStateException("the answer has not begun");
        }
        if (left > 0 && !bodiless) {
            throw new IOException("the answer is shorter than its Content-Length");
        }
        if (chunked) {
            pending.write(LAST_CHUNK);
        }
        flush();
        complete = true;
    }

    @Override
    public void abort() {
        finish();
    }

    @Override
    public void whenGone(Runnable action) {
        synchronized (goneLock) {
            gone = action;
        }
        if (body.isEnded()) {
            watcher.accept(this);
        }
    }

    void clientGone() {
        Runnable action;
        synchronized (goneLock) {
            action = finished ? null : gone;
            gone = null;
        }
        if (action != null) {
            action.run();
        }
    }

    /** The call is over, whatever became of it. */
    void finish() {
        synchronized (goneLock) {
            finished = true;
            gone = null;
        }
    }

    boolean hasBegun() {
        return begun;
    }

    boolean isComplete() {
        return complete;
    }

    boolean keepsConnection() {
        return keep;
    }

    private void flush() throws IOException {
        if (pending.size() > 0) {
            pending.writeTo(out);
            pending.reset();
            out.flush();
        }
    }

    static String reason(int status) {
        return switch (status) {
            case 200 -> "OK";
            case 204 -> "No Content";
            case 400 -> "Bad Request";
            case 401 -> "Unauthorized";
            case 403 -> "Forbidden";
            case 404 -> "Not Found";
            case 405 -> "Method Not Allowed";
            case 409 -> "Conflict";
            case 413 -> "Content Too Large";
            case 414 -> "URI Too Long";
            case 417 -> "Expectation Failed";
            case 429 -> "Too Many Requests";
            case 431 -> "Request Header Fields Too Large";
            case 500 -> "Internal Server Error";
            case 501 -> "Not Implemented";
            case 502 -> "Bad Gateway";
            case 503 -> "Service Unavailable";
            case 504 -> "Gateway Timeout";
            case 505 -> "HTTP Version Not Supported";
            default -> "Status";
        };
    }
}
