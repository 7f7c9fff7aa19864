package dev.tinyvm.server;

import dev.tinyvm.manager.Manager.KeyInfo;
import dev.tinyvm.server.http.Authenticator;
import dev.tinyvm.server.http.Door;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A server on a free port over a manager in memory. */
public final class ServerFixture implements AutoCloseable {
    public static final String LOCAL_KEY = "local-0123456789abcdef";
    public static final Duration PATIENCE = Duration.ofSeconds(60);
    public static final JsonMapper JSON = new JsonMapper();

    /** With a command that is not run: the manager in memory has no main processes. */
    public static final String DESCRIPTOR = """
            apiVersion: tinyvm.dev/v1
            kind: Agent
            metadata: {name: %s, labels: {team: search}}
            spec: {image: host, command: [sleep, infinity], replicas: 2}
            """;

    public final MemoryManager manager = new MemoryManager();
    /** Completed with `keep` when a client asks for the shutdown. */
    public final CompletableFuture<Boolean> shutdown = new CompletableFuture<>();

    public final TinyVmServer server;
    public final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    public ServerFixture() {
        this(ServerSettings.DEFAULT.withPort(0));
    }

    public ServerFixture(ServerSettings settings) {
        this(settings, authenticator -> List.of());
    }

    /** With further doors. */
    public ServerFixture(ServerSettings settings, Function<Authenticator, List<Door>> doors) {
        Authenticator authenticator =
                new Authenticator(secret -> manager.authenticate(secret).map(KeyInfo::name), LOCAL_KEY);
        server = new TinyVmServer(settings, manager, authenticator, doors.apply(authenticator), shutdown::complete);
        try {
            server.start();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    public static String descriptor(String name) {
        return DESCRIPTOR.formatted(name);
    }

    /** A VM's id. */
    public String vm(String name) {
        return send("POST", "/api/v1/vms", "application/yaml", descriptor(name))
                .json()
                .path("id")
                .asString("");
    }

    public Answer get(String path) {
        return send("GET", path, "", "");
    }

    public Answer post(String path, String json) {
        return send("POST", path, "application/json", json);
    }

    /** With the local key. */
    public Answer send(String method, String path, String contentType, String body, String... headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(server.url() + path))
                .timeout(PATIENCE)
                .header("Authorization", "Bearer " + LOCAL_KEY);
        if (!contentType.isEmpty()) {
            request.header("Content-Type", contentType);
        }
        for (int i = 0; i < headers.length; i += 2) {
            request.setHeader(headers[i], headers[i + 1]);
        }
        request.method(method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        try {
            return new Answer(http.send(request.build(), BodyHandlers.ofString()));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Polls until it holds. */
    public static void eventually(String what, BooleanSupplier holds) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!holds.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("not within " + PATIENCE.toSeconds() + " s: " + what);
            }
            java.util.concurrent.locks.LockSupport.parkNanos(10_000_000);
        }
    }

    @Override
    public void close() {
        server.close();
        manager.close();
        http.shutdownNow();
    }

    /** What came back. */
    public record Answer(HttpResponse<String> response) {
        public int status() {
            return response.statusCode();
        }

        public String body() {
            return response.body();
        }

        public JsonNode json() {
            return JSON.readTree(response.body());
        }

        public String code() {
            return json().path("error").path("code").asString("");
        }

        public String header(String name) {
            return response.headers().firstValue(name).orElse("");
        }
    }
}
