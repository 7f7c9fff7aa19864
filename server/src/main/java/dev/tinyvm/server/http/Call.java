package dev.tinyvm.server.http;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.PreEncodedHttpField;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/** One request and its answer. Belongs to the one virtual thread that serves it. */
public final class Call {
    private static final HttpField JSON = new PreEncodedHttpField(HttpHeader.CONTENT_TYPE, "application/json");

    private static final int DRAIN_BUFFER_BYTES = 16 << 10;
    private static final long DRAIN_BYTES = 256L << 20;
    private static final Duration DRAIN_TIME = Duration.ofSeconds(30);

    private final Request request;
    private final Response response;
    private final Callback callback;
    private final Upgrader upgrader;
    private final String requestId;
    private Map<String, String> variables = Map.of();
    private @Nullable Map<String, List<String>> query;
    private String caller = "";
    private boolean answered;
    private @Nullable OutputStream stream;

    /** Turns the connection into a WebSocket. */
    interface Upgrader {
        void upgrade(FrameSocket socket, Request request, Response response, Callback callback);
    }

    Call(Request request, Response response, Callback callback, Upgrader upgrader, String requestId) {
        this.request = request;
        this.response = response;
        this.callback = callback;
        this.upgrader = upgrader;
        this.requestId = requestId;
    }

    void matched(Map<String, String> found) {
        variables = found;
    }

    void authenticated(String name) {
        caller = name;
    }

    boolean answered() {
        return answered;
    }

    public String requestId() {
        return requestId;
    }

    /** Name of the key that was used, {@code local} for the command line on this machine, empty on open routes. */
    public String caller() {
        return caller;
    }

    public boolean head() {
        return request.getMethod().equals("HEAD");
    }

    /** A variable of the route's pattern, decoded. */
    public String variable(String name) {
        String value = variables.get(name);
        if (value == null) {
            throw new IllegalArgumentException("the route has no variable " + name);
        }
        return value;
    }

    /** Empty when not sent. */
    public String requestHeader(String name) {
        String value = request.getHeaders().get(name);
        return value == null ? "" : value;
    }

    /** The media type of the body without parameters, in lower case; empty when not sent. */
    public String contentType() {
        String type = requestHeader("Content-Type");
        int semicolon = type.indexOf(';');
        return (semicolon < 0 ? type : type.substring(0, semicolon)).strip().toLowerCase(java.util.Locale.ROOT);
    }

    public List<String> queryAll(String name) {
        if (query == null) {
            String text = request.getHttpURI().getQuery();
            query = text == null ? Map.of() : PercentCode.query(text);
        }
        return query.getOrDefault(name, List.of());
    }

    /** The first of that name. */
    public Optional<String> query(String name) {
        List<String> values = queryAll(name);
        return values.isEmpty() ? Optional.empty() : Optional.of(values.getFirst());
    }

    public String requiredQuery(String name) {
        return query(name)
                .filter(value -> !value.isEmpty())
                .orElseThrow(() -> HttpError.invalid("the query parameter '" + name + "' is missing"));
    }

    /** {@code true}, {@code false}, or the name alone for true. */
    public boolean flag(String name, boolean otherwise) {
        return query(name)
                .map(value -> switch (value) {
                    case "true", "1", "" -> true;
                    case "false", "0" -> false;
                    default -> throw HttpError.invalid("the query parameter '" + name + "' must be true or false");
                })
                .orElse(otherwise);
    }

    public long number(String name, long min, long max, long otherwise) {
        Optional<String> text = query(name);
        if (text.isEmpty()) {
            return otherwise;
        }
        try {
            long value = Long.parseLong(text.get());
            if (value >= min && value <= max) {
                return value;
            }
        } catch (NumberFormatException e) {
            // The same answer as for a number out of range.
        }
        throw HttpError.invalid("the query parameter '" + name + "' must be a whole number from " + min + " to " + max);
    }

    /** The whole body. 413 when it is larger. */
    public byte[] body(int maxBytes) {
        if (request.getLength() > maxBytes) {
            throw tooLarge(maxBytes);
        }
        try {
            // Not closed: that would break the connection off when there is more, and the client would not hear why.
            byte[] bytes = bodyStream().readNBytes(maxBytes + 1);
            if (bytes.length > maxBytes) {
                throw tooLarge(maxBytes);
            }
            return bytes;
        } catch (IOException e) {
            throw HttpError.invalid("the body could not be read to its end");
        }
    }

    /** The body as a JSON object; no body is an empty one. 415 for another media type. */
    public JsonRequest json() {
        byte[] body = body(Limits.JSON_BYTES);
        String type = contentType();
        if (body.length > 0 && !type.isEmpty() && !type.equals("application/json")) {
            throw HttpError.of(
                    415, "unsupported_media_type", "the body must be application/json, not '" + type + "'", "");
        }
        return JsonRequest.parse(body);
    }

    /** The body as it comes. */
    public InputStream bodyStream() {
        return Content.Source.asInputStream(request);
    }

    /** From here on the answer may take longer than a connection may be silent. Call it once the body has been read. */
    public void takesLong() {
        request.addIdleTimeoutListener(timeout -> false);
    }

    public void header(String name, String value) {
        response.getHeaders().put(name, value);
    }

    public void json(int status, JsonBody body) {
        response.getHeaders().put(JSON);
        answer(status, body.bytes());
    }

    public void bytes(int status, String contentType, byte[] body) {
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, contentType);
        answer(status, body);
    }

    public void text(int status, String contentType, String body) {
        bytes(status, contentType, body.getBytes(StandardCharsets.UTF_8));
    }

    public void empty(int status) {
        answer(status, new byte[0]);
    }

    /** An answer of unknown length; it is complete when this stream has been closed, and broken off visibly when the action throws before. */
    public OutputStream stream(int status, String contentType) {
        answered = true;
        response.setStatus(status);
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, contentType);
        OutputStream out = Content.Sink.asOutputStream(response);
        stream = out;
        takesLong();
        return out;
    }

    /** Sends the header now. */
    public void flush() throws IOException {
        if (stream != null) {
            stream.flush();
        }
    }

    /**
     * Makes a WebSocket of it; {@code body} then runs on a virtual thread of its own.
     *
     * @throws HttpError 426 when the client did not ask for one
     */
    public void upgrade(FrameSocket.Body body) {
        requireUpgrade();
        answered = true;
        upgrader.upgrade(new FrameSocket(body), request, response, callback);
    }

    /** 426 when the client did not ask for a WebSocket. */
    public void requireUpgrade() {
        if (!requestHeader("Upgrade").equalsIgnoreCase("websocket")) {
            throw HttpError.of(
                            426,
                            "upgrade_required",
                            "this path speaks WebSocket and the request did not ask for one",
                            "docs/api.md describes its frames")
                    .withHeaders(Map.of("Upgrade", "websocket", "Connection", "Upgrade"));
        }
    }

    /** Called by the dispatcher when the action returned. */
    void finish() {
        if (stream != null) {
            callback.succeeded();
        } else if (!answered) {
            empty(204);
        }
    }

    /** Called by the dispatcher when the action threw. */
    void fail(HttpError error) {
        if (stream != null || response.isCommitted()) {
            // Half an answer is out: only a broken connection can say that the rest will not come.
            callback.failed(error);
            return;
        }
        if (answered) {
            return;
        }
        drain();
        error.headers().forEach(this::header);
        json(error.status(), error.body(requestId));
    }

    /** A client that is still sending when the connection closes does not hear the answer: what it sends is read first, within bounds. */
    private void drain() {
        if (!requestHeader("Expect").isEmpty()) {
            // It waits for leave to send, which it does not get.
            return;
        }
        try {
            InputStream in = bodyStream();
            byte[] buffer = new byte[DRAIN_BUFFER_BYTES];
            long end = System.nanoTime() + DRAIN_TIME.toNanos();
            long drained = 0;
            int size = in.read(buffer);
            while (size >= 0 && drained < DRAIN_BYTES && System.nanoTime() < end) {
                drained += size;
                size = in.read(buffer);
            }
        } catch (IOException e) {
            // It has stopped sending; it may still hear the answer.
        }
    }

    private void answer(int status, byte[] body) {
        answered = true;
        response.setStatus(status);
        response.write(true, ByteBuffer.wrap(body), callback);
    }

    private static HttpError tooLarge(int maxBytes) {
        return HttpError.of(413, "too_large", "the body is larger than " + (maxBytes >> 20) + " MiB", "");
    }

    /** Waits that a client may ask for. */
    public static Duration clamp(Duration wished, Duration most) {
        return wished.compareTo(most) > 0 ? most : wished;
    }
}
