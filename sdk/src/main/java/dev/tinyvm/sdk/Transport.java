package dev.tinyvm.sdk;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Requests to one manager, and what can go wrong with them. Safe for use by many threads. */
final class Transport implements AutoCloseable {
    static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
    static final Duration REQUEST_TIMEOUT = Duration.ofMinutes(2);

    private static final JsonMapper MAPPER = new JsonMapper();
    private static final String API = "/api/v1";

    private final String base;
    private final String apiKey;
    private final Liveness liveness;
    private final ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor();
    private final HttpClient http;

    Transport(URI url, String apiKey) {
        this(url, apiKey, Liveness.DEFAULT);
    }

    Transport(URI url, String apiKey, Liveness liveness) {
        this.liveness = liveness;
        String scheme = url.getScheme();
        if (scheme == null || url.getHost() == null || !(scheme.equals("http") || scheme.equals("https"))) {
            throw new IllegalArgumentException(
                    "the manager's address must look like http://127.0.0.1:7070, not '" + url + "'");
        }
        String text = url.toString();
        this.base = text.endsWith("/") ? text.substring(0, text.length() - 1) : text;
        this.apiKey = apiKey;
        this.http = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(CONNECT_TIMEOUT)
                .executor(executor)
                .build();
    }

    /**
     * When the other side of an open stream is taken for dead.
     *
     * @param pingEvery time between two pings of a WebSocket
     * @param silence longest time without a sign of life; the manager gives one every 15 s
     */
    record Liveness(Duration pingEvery, Duration silence) {
        static final Liveness DEFAULT = new Liveness(Duration.ofSeconds(15), Duration.ofSeconds(60));
    }

    Liveness liveness() {
        return liveness;
    }

    String base() {
        return base;
    }

    static ObjectNode object() {
        return JsonNodeFactory.instance.objectNode();
    }

    static JsonNode parse(String text) {
        return MAPPER.readTree(text);
    }

    JsonNode get(String path) {
        return json(request(path).GET().build());
    }

    JsonNode get(String path, Duration timeout) {
        return json(request(path).timeout(timeout).GET().build());
    }

    JsonNode post(String path) {
        return json(request(path).POST(BodyPublishers.noBody()).build());
    }

    JsonNode post(String path, ObjectNode body, Duration timeout) {
        return send("POST", path, "application/json", BodyPublishers.ofString(body.toString()), timeout, Map.of());
    }

    JsonNode send(
            String method,
            String path,
            String mediaType,
            BodyPublisher body,
            Duration timeout,
            Map<String, String> headers) {
        HttpRequest.Builder builder = request(path).timeout(timeout).header("Content-Type", mediaType);
        headers.forEach(builder::header);
        return json(builder.method(method, body).build());
    }

    void delete(String path) {
        json(request(path).DELETE().build());
    }

    /** The body as it comes; the caller closes it. */
    HttpResponse<InputStream> stream(String path, String accept, Map<String, String> headers) {
        HttpRequest.Builder builder = request(path).header("Accept", accept);
        headers.forEach(builder::header);
        HttpResponse<InputStream> response = exchange(builder.GET().build(), BodyHandlers.ofInputStream());
        if (response.statusCode() >= 300) {
            try (InputStream body = response.body()) {
                throw Decoding.error(response.statusCode(), tree(body.readAllBytes()));
            } catch (IOException e) {
                throw broken(e);
            }
        }
        return response;
    }

    /** Opens a WebSocket. An HTTP error in place of the upgrade becomes a {@link TinyVmException}. */
    FrameSocket open(String path) {
        FrameSocket frames = new FrameSocket(this);
        WebSocket.Builder builder = http.newWebSocketBuilder().connectTimeout(REQUEST_TIMEOUT);
        if (!apiKey.isEmpty()) {
            builder.header("Authorization", "Bearer " + apiKey);
        }
        URI uri = URI.create("ws" + (base + API + path).substring("http".length()));
        try {
            builder.buildAsync(uri, frames).get(REQUEST_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw upgradeFailure(path, e.getCause() == null ? e : e.getCause());
        } catch (TimeoutException e) {
            throw new TinyVmConnectionException(
                    "the manager at " + base + " did not open the connection in " + REQUEST_TIMEOUT.toSeconds() + " s",
                    false,
                    e);
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
        frames.watch();
        return frames;
    }

    TinyVmConnectionException broken(Throwable cause) {
        for (Throwable t = cause; t != null; t = t.getCause()) {
            if (t instanceof ConnectException || t instanceof HttpConnectTimeoutException) {
                return new TinyVmConnectionException(
                        "no manager answers at " + base + "; start one with ./tinyvm up", true, cause);
            }
            if (t instanceof HttpTimeoutException) {
                return new TinyVmConnectionException(
                        "the manager at " + base + " did not answer in time; it may still be working on it",
                        false,
                        cause);
            }
        }
        String detail = cause.getMessage() == null ? "it was closed" : cause.getMessage();
        return new TinyVmConnectionException(
                "the connection to the manager at " + base + " broke: " + detail, false, cause);
    }

    ExecutorService executor() {
        return executor;
    }

    @Override
    public void close() {
        http.shutdownNow();
        executor.shutdownNow();
    }

    static String query(String name, String value) {
        return name + "=" + URLEncoder.encode(value, StandardCharsets.UTF_8);
    }

    /** One path segment. */
    static String segment(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8).replace("+", "%20");
    }

    static TinyVmConnectionException interrupted(InterruptedException e) {
        Thread.currentThread().interrupt();
        return new TinyVmConnectionException("interrupted while waiting for the manager", false, e);
    }

    private HttpRequest.Builder request(String path) {
        String prefix = path.equals("/healthz") || path.equals("/metrics") ? "" : API;
        HttpRequest.Builder builder =
                HttpRequest.newBuilder(URI.create(base + prefix + path)).timeout(REQUEST_TIMEOUT);
        if (!apiKey.isEmpty()) {
            builder.header("Authorization", "Bearer " + apiKey);
        }
        return builder;
    }

    private JsonNode json(HttpRequest request) {
        HttpResponse<byte[]> response = exchange(request, BodyHandlers.ofByteArray());
        JsonNode node = tree(response.body());
        if (response.statusCode() >= 300) {
            throw Decoding.error(response.statusCode(), node);
        }
        return node;
    }

    private <T> HttpResponse<T> exchange(HttpRequest request, HttpResponse.BodyHandler<T> handler) {
        try {
            return http.send(request, handler);
        } catch (IOException e) {
            throw broken(e);
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    private JsonNode tree(byte[] body) {
        if (body.length == 0) {
            return object();
        }
        try {
            return MAPPER.readTree(body);
        } catch (JacksonException e) {
            throw new TinyVmConnectionException(
                    "what answers at " + base + " is not a TinyVM manager (its answer is not JSON)", false, e);
        }
    }

    private RuntimeException upgradeFailure(String path, Throwable cause) {
        Throwable t = cause instanceof CompletionException && cause.getCause() != null ? cause.getCause() : cause;
        if (t instanceof WebSocketHandshakeException handshake) {
            HttpResponse<?> response = handshake.getResponse();
            Object body = response.body();
            if (body instanceof String text && !text.isEmpty()) {
                return Decoding.error(response.statusCode(), tree(text.getBytes(StandardCharsets.UTF_8)));
            }
            // The JDK drops the body of a refused upgrade: the same request without an upgrade is refused for the same
            // reason.
            try {
                json(request(path).GET().build());
            } catch (TinyVmException e) {
                if (e.status() != 426) {
                    return e;
                }
            }
            return new TinyVmException(
                    response.statusCode(),
                    "error",
                    "the manager refused the connection with status " + response.statusCode(),
                    "",
                    response.headers().firstValue("X-Request-Id").orElse(""),
                    "",
                    java.util.List.of());
        }
        return broken(t);
    }
}
