package dev.tinyvm.images;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.tinyvm.images.registry.Credentials;
import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.RegistryOptions;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A registry in this JVM that misbehaves as it is told; answers Range requests as registries do. */
final class ScriptedRegistry implements AutoCloseable {
    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<String, byte[]> content = new ConcurrentHashMap<>();
    private final Map<String, String> types = new ConcurrentHashMap<>();
    private final Map<String, Deque<Fault>> faults = new ConcurrentHashMap<>();

    /** {@code METHOD path [Range]} of each request that came. */
    final List<String> requests = new CopyOnWriteArrayList<>();

    /** {@code Authorization} of each request, or empty. */
    final List<String> authorizations = new CopyOnWriteArrayList<>();

    /** Answers instead of the registry; false when it should answer itself. */
    @FunctionalInterface
    interface Fault {
        boolean answer(HttpExchange exchange) throws IOException;
    }

    ScriptedRegistry() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    String host() {
        return "127.0.0.1:" + server.getAddress().getPort();
    }

    String url() {
        return "http://" + host();
    }

    /** Serves an image under a tag. */
    void serve(String repository, String tag, OciBuilder image, Digest top) {
        image.blobs.forEach((digest, bytes) -> {
            content.put("/v2/" + repository + "/blobs/" + digest, bytes);
            content.put("/v2/" + repository + "/manifests/" + digest, bytes);
            types.put("/v2/" + repository + "/manifests/" + digest, OciBuilder.MANIFEST);
        });
        String path = "/v2/" + repository + "/manifests/" + tag;
        content.put(path, image.blob(top));
        types.put(
                path,
                new String(image.blob(top), StandardCharsets.UTF_8).contains("\"manifests\"")
                        ? OciBuilder.INDEX
                        : OciBuilder.MANIFEST);
    }

    void replace(String path, byte[] bytes) {
        content.put(path, bytes);
    }

    /** The next requests of a path meet these, one each; `*` is every path. */
    ScriptedRegistry then(String path, Fault... next) {
        faults.computeIfAbsent(path, p -> new ArrayDeque<>()).addAll(List.of(next));
        return this;
    }

    static Fault status(int status, String... headers) {
        return exchange -> {
            for (int i = 0; i < headers.length; i += 2) {
                exchange.getResponseHeaders().add(headers[i], headers[i + 1]);
            }
            exchange.sendResponseHeaders(status, -1);
            exchange.close();
            return true;
        };
    }

    /** From now on it behaves. */
    void heal() {
        faults.clear();
    }

    /**
     * Sends the beginning of what was asked for, waits until the client has it, and hangs up: what a client has not read when a connection
     * breaks may be lost.
     */
    Fault cutAfter(int bytes, Path partial) {
        return exchange -> {
            byte[] body = body(exchange);
            int from = from(exchange);
            if (from > 0) {
                exchange.getResponseHeaders()
                        .add("Content-Range", "bytes " + from + "-" + (body.length - 1) + "/" + body.length);
            }
            exchange.sendResponseHeaders(from > 0 ? 206 : 200, body.length - from);
            OutputStream out = exchange.getResponseBody();
            out.write(body, from, bytes);
            out.flush();
            try {
                Instant end = Instant.now().plusSeconds(60);
                while ((Files.notExists(partial) || Files.size(partial) < from + bytes)
                        && Instant.now().isBefore(end)) {
                    Thread.sleep(2);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            exchange.close();
            return true;
        };
    }

    /** Quick retries and nobody's credentials. */
    static RegistryOptions options() {
        return options(registry -> Credentials.ANONYMOUS, Map.of());
    }

    static RegistryOptions options(Credentials.Source credentials, Map<String, String> environment) {
        return new RegistryOptions(
                credentials, environment, 4, Duration.ofMillis(1), Duration.ofMillis(10), Duration.ofSeconds(30), 4);
    }

    long count(String beginning) {
        return requests.stream().filter(r -> r.startsWith(beginning)).count();
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }

    private void handle(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        String range = exchange.getRequestHeaders().getFirst("Range");
        String authorization = exchange.getRequestHeaders().getFirst("Authorization");
        requests.add(exchange.getRequestMethod() + " " + exchange.getRequestURI() + (range == null ? "" : " " + range));
        authorizations.add(authorization == null ? "" : authorization);
        for (String key : List.of(path, "*")) {
            Fault fault;
            Deque<Fault> queue = faults.getOrDefault(key, new ArrayDeque<>());
            synchronized (queue) {
                fault = queue.pollFirst();
            }
            if (fault != null && fault.answer(exchange)) {
                return;
            }
        }
        answer(exchange);
    }

    private void answer(HttpExchange exchange) throws IOException {
        byte[] body = body(exchange);
        if (body.length == 0) {
            byte[] error = "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}"
                    .getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(404, error.length);
            exchange.getResponseBody().write(error);
            exchange.close();
            return;
        }
        String type = types.get(exchange.getRequestURI().getPath());
        if (type != null) {
            exchange.getResponseHeaders().add("Content-Type", type);
            exchange.getResponseHeaders()
                    .add("Docker-Content-Digest", Digest.of(body).toString());
        }
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(200, -1);
        } else {
            int from = from(exchange);
            if (from > 0) {
                exchange.getResponseHeaders()
                        .add("Content-Range", "bytes " + from + "-" + (body.length - 1) + "/" + body.length);
            }
            exchange.sendResponseHeaders(from > 0 ? 206 : 200, body.length - from);
            exchange.getResponseBody().write(Arrays.copyOfRange(body, from, body.length));
        }
        exchange.close();
    }

    private byte[] body(HttpExchange exchange) {
        return content.getOrDefault(exchange.getRequestURI().getPath(), new byte[0]);
    }

    private static int from(HttpExchange exchange) {
        String range = exchange.getRequestHeaders().getFirst("Range");
        return range == null ? 0 : Integer.parseInt(range.substring("bytes=".length(), range.length() - 1));
    }
}
