package dev.tinyvm.llm;

import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.http.HttpConnection;
import dev.tinyvm.llm.wire.Dialect;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;

/** A gateway behind a socket of its own, and what its listeners heard. */
final class GatewayFixture implements AutoCloseable {
    static final Caller CALLER = new Caller("vm-1", "researcher", "ci");
    static final String KEY = "sk-secret-of-the-host";
    static final Provider.Retry QUICK = new Provider.Retry(3, Duration.ofMillis(1), Duration.ofSeconds(30));

    final List<UsageListener.Call> used = new CopyOnWriteArrayList<>();
    final List<String> waits = new CopyOnWriteArrayList<>();
    final Spending spending = new Spending();
    final Gateway gateway;
    private final ServerSocket server;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    GatewayFixture(GatewayConfig config, Allowance.Source allowances, TapeSource tapes) throws IOException {
        WaitListener heard = new WaitListener() {
            @Override
            public void callBegan(Caller caller) {
                waits.add("began " + caller.vm());
            }

            @Override
            public void firstByte(Caller caller) {
                waits.add("firstByte " + caller.vm());
            }

            @Override
            public void callEnded(Caller caller) {
                waits.add("ended " + caller.vm());
            }
        };
        gateway = new Gateway(config, allowances, spending, used::add, heard, tapes);
        server = new ServerSocket(0, 128, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(this::accept);
    }

    /** A door to a gateway that was made elsewhere; nothing is heard of it. */
    GatewayFixture(Gateway gateway) throws IOException {
        this.gateway = gateway;
        server = new ServerSocket(0, 128, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(this::accept);
    }

    static GatewayFixture of(GatewayConfig config) throws IOException {
        return new GatewayFixture(config, caller -> List.of(), TapeSource.NONE);
    }

    static GatewayFixture to(String url, Dialect type) throws IOException {
        return of(config(provider("main", type, url)));
    }

    /** All models go to the providers, in this order. */
    static GatewayConfig config(Provider... providers) {
        List<Route.Target> targets = new ArrayList<>();
        for (Provider provider : providers) {
            targets.add(new Route.Target(provider.name(), ""));
        }
        return GatewayConfig.of(
                List.of(providers),
                List.of(new Route(new Glob("*"), targets)),
                List.of(Price.of("m*", "1.00", "2.00")));
    }

    static Provider provider(String name, Dialect type, String url) {
        return provider(name, type, url, Provider.Timeouts.DEFAULT);
    }

    static Provider provider(String name, Dialect type, String url, Provider.Timeouts timeouts) {
        return new Provider(name, List.of(type), true, URI.create(url), keyFile(), Headers.none(), timeouts, QUICK, 64);
    }

    private static KeySource keyFile() {
        try {
            var file = java.nio.file.Files.createTempFile("tinyvm-llm", ".key");
            file.toFile().deleteOnExit();
            return KeySource.file(java.nio.file.Files.writeString(file, KEY + "\n"));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    int port() {
        return server.getLocalPort();
    }

    HttpResponse<String> post(String path, String body, String... headers) throws Exception {
        return client.send(request(path, body, headers), HttpResponse.BodyHandlers.ofString());
    }

    HttpResponse<InputStream> open(String path, String body) throws Exception {
        return client.send(request(path, body), HttpResponse.BodyHandlers.ofInputStream());
    }

    HttpResponse<String> get(String path, String... headers) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port() + path));
        for (int i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    /** Sends these bytes and reads until the server ends the connection. */
    String raw(String request) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port())) {
            socket.setSoTimeout(60_000);
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            socket.getOutputStream().flush();
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }

    static void await(BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("it did not come to pass in 60 s");
            }
            Thread.sleep(5);
        }
    }

    @Override
    public void close() throws IOException {
        client.shutdownNow();
        server.close();
        for (Socket socket : sockets) {
            socket.close();
        }
        gateway.close();
    }

    private HttpRequest request(String path, String body, String... headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port() + path))
                .timeout(Duration.ofSeconds(60))
                .POST(HttpRequest.BodyPublishers.ofString(body));
        for (int i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        return request.build();
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                sockets.add(socket);
                Thread.ofVirtual().start(() -> serve(socket));
            } catch (IOException e) {
                return;
            }
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            new HttpConnection(socket.getInputStream(), socket.getOutputStream())
                    .serve((request, answer) -> gateway.handle(request, CALLER, answer));
        } catch (IOException e) {
            // The client left.
        } finally {
            sockets.remove(socket);
        }
    }
}
