package dev.tinyvm.e2b;

import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonBody;
import dev.tinyvm.server.http.JsonRequest;
import dev.tinyvm.server.http.Limits;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URLDecoder;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/** One request and its answer. Belongs to the one virtual thread that serves it; every method blocks. */
public final class Exchange {
    private final Request request;
    private final Response response;
    private final Callback callback;
    private @Nullable Map<String, List<String>> query;
    private @Nullable OutputStream stream;
    private boolean answered;

    public Exchange(Request request, Response response, Callback callback) {
        this.request = request;
        this.response = response;
        this.callback = callback;
    }

    public String method() {
        return request.getMethod();
    }

    /** As sent, percent-encoded, without the query. */
    public String path() {
        String path = request.getHttpURI().getPath();
        return path == null ? "/" : path;
    }

    /** Path and query as sent. */
    public String target() {
        String target = request.getHttpURI().getPathQuery();
        return target == null || target.isEmpty() ? "/" : target;
    }

    public Request request() {
        return request;
    }

    public Response response() {
        return response;
    }

    public HttpFields headers() {
        return request.getHeaders();
    }

    /** The first of that name; empty when not sent. */
    public String header(String name) {
        String value = request.getHeaders().get(name);
        return value == null ? "" : value;
    }

    /** Name the client called us by, without the port, in lower case; empty when none was sent. */
    public String host() {
        String host = request.getHttpURI().getHost();
        if (host == null || host.isEmpty()) {
            host = header("Host");
            int colon = host.lastIndexOf(':');
            if (colon > 0 && host.indexOf(']', colon) < 0) {
                host = host.substring(0, colon);
            }
        }
        return host.toLowerCase(Locale.ROOT);
    }

    public String remoteAddress() {
        return Request.getRemoteAddr(request);
    }

    /** Media type of the body without parameters, in lower case; empty when not sent. */
    public String contentType() {
        String type = header("Content-Type");
        int semicolon = type.indexOf(';');
        return (semicolon < 0 ? type : type.substring(0, semicolon)).strip().toLowerCase(Locale.ROOT);
    }

    /** The first query parameter of that name, decoded. */
    public Optional<String> query(String name) {
        List<String> values = queryAll(name);
        return values.isEmpty() ? Optional.empty() : Optional.of(values.getFirst());
    }

    public List<String> queryAll(String name) {
        if (query == null) {
            query = parseQuery(request.getHttpURI().getQuery());
        }
        return query.getOrDefault(name, List.of());
    }

    /** Decodes {@code a=1&b=2}; {@code +} is a space. A wrong percent sign is a 400. */
    public static Map<String, List<String>> parseQuery(@Nullable String text) {
        Map<String, List<String>> values = new LinkedHashMap<>();
        if (text == null) {
            return values;
        }
        for (String pair : text.split("&", -1)) {
            if (pair.isEmpty()) {
                continue;
            }
            int equals = pair.indexOf('=');
            String name = decode(equals < 0 ? pair : pair.substring(0, equals));
            String value = equals < 0 ? "" : decode(pair.substring(equals + 1));
            values.computeIfAbsent(name, n -> new ArrayList<>(1)).add(value);
        }
        return values;
    }

    /** Percent-decoding of a query part. */
    public static String decode(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw new E2bError(400, "the address has a % that two hex digits should follow");
        }
    }

    /** The whole body. 413 when it is larger. */
    public byte[] body(int maxBytes) {
        try (InputStream in = bodyStream()) {
            byte[] bytes = in.readNBytes(maxBytes + 1);
            if (bytes.length > maxBytes) {
                throw new E2bError(413, "the body is larger than " + (maxBytes >> 10) + " KiB");
            }
            return bytes;
        } catch (IOException e) {
            throw new E2bError(400, "the body could not be read to its end");
        }
    }

    /** The body as a JSON object; no body is an empty one. */
    public JsonRequest json() {
        try {
            return JsonRequest.parse(body(Limits.JSON_BYTES));
        } catch (HttpError e) {
            throw E2bError.from(e);
        }
    }

    /** The body as it comes. */
    public InputStream bodyStream() {
        return Content.Source.asInputStream(request);
    }

    /** From here on the connection may be silent for longer than usual. */
    public void takesLong() {
        request.addIdleTimeoutListener(timeout -> false);
    }

    public void header(String name, String value) {
        response.getHeaders().put(name, value);
    }

    public void json(int status, JsonBody body) {
        header("Content-Type", "application/json");
        answer(status, body.bytes());
    }

    public void bytes(int status, String contentType, byte[] body) {
        header("Content-Type", contentType);
        answer(status, body);
    }

    /** 200 with plain text. */
    public void text(String body) {
        bytes(200, "text/plain; charset=utf-8", body.getBytes(StandardCharsets.UTF_8));
    }

    public void empty(int status) {
        answer(status, new byte[0]);
    }

    public void error(E2bError error) {
        json(error.status(), error.body());
    }

    /**
     * An answer whose body is written bit by bit. It is complete when the action returns, and is broken off visibly when it throws.
     *
     * @param contentType empty: the headers have been set already
     */
    public OutputStream stream(int status, String contentType) {
        answered = true;
        response.setStatus(status);
        if (!contentType.isEmpty()) {
            header("Content-Type", contentType);
        }
        takesLong();
        OutputStream out = Content.Sink.asOutputStream(response);
        stream = out;
        return out;
    }

    /** Whether an answer has been given or begun. */
    public boolean answered() {
        return answered;
    }

    /** Somebody else (an upgraded connection) completes the request. */
    public Callback handOver() {
        answered = true;
        return callback;
    }

    /** The action has returned. */
    public void finish() throws IOException {
        if (stream != null) {
            stream.close();
            callback.succeeded();
        } else if (!answered) {
            empty(204);
        }
    }

    /** The action has thrown. */
    public void fail(Throwable failure) {
        if (stream != null || response.isCommitted()) {
            // Half an answer is out: only a broken connection can say that the rest will not come.
            callback.failed(failure);
            return;
        }
        if (!answered) {
            error(E2bError.from(failure));
        }
    }

    private void answer(int status, byte[] body) {
        answered = true;
        response.setStatus(status);
        response.write(true, ByteBuffer.wrap(body), callback);
    }
}
