package dev.tinyvm.e2b;

import dev.tinyvm.e2b.door.E2bDoor;
import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.engine.FakeEngine;
import dev.tinyvm.engine.FakeHost;
import dev.tinyvm.ledger.Ledger;
import dev.tinyvm.ledger.LedgerTime;
import dev.tinyvm.manager.HostManager;
import dev.tinyvm.manager.ImageCatalog;
import dev.tinyvm.manager.ManagerSettings;
import dev.tinyvm.server.http.Authenticator;
import dev.tinyvm.spec.ManagerConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.VirtualThreads;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The door before a real manager with an engine in memory, on a port of its own. */
public final class DoorFixture implements AutoCloseable {
    public static final String KEY = "e2b_0123456789abcdef0123456789abcdef01234567";
    private static final JsonMapper JSON = JsonMapper.shared();

    public final FakeHost host = new FakeHost();
    public final HostManager manager;
    private final Ledger ledger;
    public final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final FakeEngine engine = new FakeEngine(host);
    private final E2bDoor door;
    private final Server server;
    private final ServerConnector connector;

    public DoorFixture(Path directory, Clock clock, String domain) {
        ledger = Ledger.open(
                directory.resolve("ledger.db"),
                ManagerConfig.Ledger.DEFAULT.prices(),
                ManagerConfig.Ledger.DEFAULT.linesKept(),
                LedgerTime.SYSTEM);
        manager = HostManager.open(
                ManagerSettings.of(ManagerConfig.DEFAULT, "test"),
                directory,
                Map.of(EngineKind.CONTAINER, engine),
                new HostImage(),
                List.of(),
                ledger,
                clock);
        E2bSettings settings = E2bSettings.of(TokenKey.random());
        door = new E2bDoor(
                manager,
                new Authenticator(secret -> secret.equals(KEY) ? Optional.of("test") : Optional.empty(), ""),
                domain.isEmpty() ? settings : settings.withDomain(domain));
        QueuedThreadPool threads = new QueuedThreadPool(6, 1);
        threads.setVirtualThreadsExecutor(VirtualThreads.getNamedVirtualThreadsExecutor("test-"));
        server = new Server(threads);
        connector = new ServerConnector(server, 1, 1);
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        server.setHandler(new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                return door.takes(request, response, callback);
            }
        });
        try {
            server.start();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    public DoorFixture(Path directory) {
        this(directory, Clock.systemUTC(), "");
    }

    public int port() {
        return connector.getLocalPort();
    }

    private static final class HostImage implements ImageCatalog {
        private static final ImageInfo HOST =
                new ImageInfo("host", "host", "user", Map.of(), "", List.of(), Optional.empty());

        @Override
        public Optional<ImageInfo> find(String reference) {
            return reference.equals("host") ? Optional.of(HOST) : Optional.empty();
        }

        @Override
        public List<ImageInfo> list() {
            return List.of(HOST);
        }
    }

    /** A JSON answer. */
    public record Answer(int status, JsonNode json, HttpResponse<byte[]> response) {
        public String text() {
            return new String(response.body(), StandardCharsets.UTF_8);
        }

        public String header(String name) {
            return response.headers().firstValue(name).orElse("");
        }
    }

    /** A sandbox as its creator knows it. */
    public record Opened(String id, String token) {}

    /** A call of the control API with the right key. */
    public Answer control(String method, String path, String body) {
        return send(request(path)
                .header("X-API-KEY", KEY)
                .header("Content-Type", "application/json")
                .method(
                        method,
                        body.isEmpty()
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofString(body)));
    }

    public Opened create(String json) {
        Answer answer = control("POST", "/v2/sandboxes", json);
        if (answer.status() != 201) {
            throw new AssertionError(answer.text());
        }
        return new Opened(
                answer.json().path("sandboxID").asString(),
                answer.json().path("envdAccessToken").asString());
    }

    public Opened create() {
        return create("{\"templateID\":\"base\"}");
    }

    /** A request to a sandbox's envd with its token. */
    public HttpRequest.Builder envd(Opened sandbox, String path) {
        return request(path)
                .header("E2b-Sandbox-Id", sandbox.id())
                .header("E2b-Sandbox-Port", "49983")
                .header("X-Access-Token", sandbox.token());
    }

    /** A remote call with one answer. */
    public Answer unary(Opened sandbox, String method, String json) {
        return send(envd(sandbox, "/" + method)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(json)));
    }

    public HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port() + path));
    }

    public Answer send(HttpRequest.Builder request) {
        try {
            HttpResponse<byte[]> response = client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
            boolean json = response.headers()
                    .firstValue("Content-Type")
                    .filter(t -> t.startsWith("application/json"))
                    .isPresent();
            return new Answer(
                    response.statusCode(), json ? JSON.readTree(response.body()) : JSON.createObjectNode(), response);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        try {
            server.stop();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        } finally {
            door.close();
            client.close();
            manager.close();
            ledger.close();
            engine.close();
        }
    }
}
