package dev.tinyvm.cli;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** A manager that answers what a test told it to, and remembers what it was asked. */
final class StubManager implements AutoCloseable {
    private final HttpServer server;
    private final Map<String, Reply> replies = new ConcurrentHashMap<>();
    final List<String> requests = new CopyOnWriteArrayList<>();
    final List<String> bodies = new CopyOnWriteArrayList<>();

    private record Reply(int status, String type, String body) {}

    StubManager() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::answer);
        server.start();
    }

    /** @param request such as {@code GET /api/v1/vms}; the query does not count */
    StubManager on(String request, int status, String json) {
        replies.put(request, new Reply(status, "application/json", json));
        return this;
    }

    StubManager stream(String request, String events) {
        replies.put(request, new Reply(200, "text/event-stream", events));
        return this;
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    private void answer(HttpExchange exchange) throws IOException {
        String request =
                exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath();
        String query = exchange.getRequestURI().getRawQuery();
        bodies.add(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
        requests.add(request + (query == null ? "" : "?" + query));
        Reply reply = replies.getOrDefault(
                request,
                new Reply(
                        404,
                        "application/json",
                        "{\"error\":{\"code\":\"not_found\",\"message\":\"nothing at " + request + "\"}}"));
        byte[] body = reply.body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", reply.type);
        exchange.sendResponseHeaders(reply.status, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    @Override
    public void close() {
        server.stop(0);
    }

    /** A VM as the API describes it. */
    static String vm(String id, String name, String state, String more) {
        return """
                {"id":"%s","name":"%s","agent":"","image":"host","command":[],"labels":{},"resources":{"cpu":"0.5","cpuMillis":500,"memoryBytes":67108864,"diskBytes":268435456,"pids":64},\
                "engine":"container","engineReason":"","pinnedImage":"host","state":"%s","reason":"","message":"","restarts":0,"hostPid":1,"createdAt":"2026-01-01T00:00:00Z"%s}""".formatted(id, name, state, more);
    }
}
