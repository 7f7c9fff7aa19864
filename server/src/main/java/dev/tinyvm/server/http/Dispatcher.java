package dev.tinyvm.server.http;

import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.websocket.server.ServerWebSocketContainer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** From a request to its route and back: host check, routing, authentication, errors, metrics, in this order. */
public final class Dispatcher extends Handler.Abstract {
    private static final Logger log = LoggerFactory.getLogger(Dispatcher.class);
    private static final int MAX_REQUEST_ID = 64;

    private final Router router;
    private final Authenticator authenticator;
    private final HostCheck hosts;
    private final RequestMetrics metrics;
    private final SlowHeaderGuard slowHeaders;
    private final List<Door> doors;
    private final Set<Thread> streaming = ConcurrentHashMap.newKeySet();
    private final Set<FrameSocket> sockets = ConcurrentHashMap.newKeySet();
    private volatile @Nullable ServerWebSocketContainer webSockets;

    public Dispatcher(
            Router router,
            Authenticator authenticator,
            HostCheck hosts,
            RequestMetrics metrics,
            SlowHeaderGuard slowHeaders,
            List<Door> doors) {
        this.router = router;
        this.authenticator = authenticator;
        this.hosts = hosts;
        this.metrics = metrics;
        this.slowHeaders = slowHeaders;
        this.doors = List.copyOf(doors);
    }

    public void webSockets(ServerWebSocketContainer container) {
        webSockets = container;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        long began = System.nanoTime();
        slowHeaders.begin(request);
        String requestId = requestId(request.getHeaders());
        response.getHeaders().put("X-Request-Id", requestId);
        if (takenByADoor(request, response, callback, began)) {
            return true;
        }
        Call call = new Call(request, response, callback, this::upgrade, requestId);
        Route route = null;
        try {
            hosts.check(hostName(request));
            Router.Match match =
                    router.match(request.getMethod(), request.getHttpURI().getPath());
            route = match.route();
            call.matched(match.variables());
            if (route.access() == Route.Access.KEY) {
                call.authenticated(
                        authenticator.authenticate(secret(request.getHeaders()), Request.getRemoteAddr(request)));
            }
            run(route, call);
            call.finish();
        } catch (Throwable failure) {
            fail(call, request, failure);
        } finally {
            metrics.count(route, request.getMethod(), response.getStatus(), System.nanoTime() - began);
        }
        return true;
    }

    /** Ends what clients hold open, so that the server can stop. */
    public void endStreams() {
        streaming.forEach(Thread::interrupt);
        sockets.forEach(socket -> socket.close(1001, "the manager stops"));
    }

    private boolean takenByADoor(Request request, Response response, Callback callback, long began) {
        streaming.add(Thread.currentThread());
        try {
            for (Door door : doors) {
                if (door.takes(request, response, callback)) {
                    metrics.count(null, request.getMethod(), response.getStatus(), System.nanoTime() - began);
                    return true;
                }
            }
            return false;
        } finally {
            streaming.remove(Thread.currentThread());
        }
    }

    private void run(Route route, Call call) throws Exception {
        if (route.kind() == Route.Kind.PLAIN) {
            route.action().run(call);
            return;
        }
        streaming.add(Thread.currentThread());
        try {
            route.action().run(call);
        } finally {
            streaming.remove(Thread.currentThread());
        }
    }

    private void upgrade(FrameSocket socket, Request request, Response response, Callback callback) {
        ServerWebSocketContainer container = webSockets;
        if (container == null) {
            throw new IllegalStateException("no WebSocket container");
        }
        sockets.add(socket);
        socket.onClosed(() -> sockets.remove(socket));
        boolean upgraded = container.upgrade((req, res, cb) -> socket, request, response, callback);
        if (!upgraded) {
            sockets.remove(socket);
            HttpError error = HttpError.invalid("this is not a WebSocket handshake of version 13");
            response.setStatus(error.status());
            response.getHeaders().put("Content-Type", "application/json");
            String requestId = String.valueOf(response.getHeaders().get("X-Request-Id"));
            response.write(true, java.nio.ByteBuffer.wrap(error.body(requestId).bytes()), callback);
        }
    }

    private static void fail(Call call, Request request, Throwable failure) {
        HttpError error = HttpError.from(failure);
        if (failure instanceof InterruptedException || failure instanceof java.io.IOException) {
            // The client left, or the server stops: nobody is there to read an error.
            log.debug("{} {} was broken off", request.getMethod(), call.requestId(), failure);
        } else if (error.status() == 500 && !(failure instanceof HttpError)) {
            log.warn(
                    "request {}: {} {} failed",
                    call.requestId(),
                    request.getMethod(),
                    request.getHttpURI().getPath(),
                    failure);
        }
        try {
            call.fail(error);
        } catch (RuntimeException e) {
            log.debug("could not answer request {}", call.requestId(), e);
        }
    }

    private static String hostName(Request request) {
        String host = request.getHeaders().get("Host");
        String authority = request.getHttpURI().getHost();
        if (authority != null && !authority.isEmpty()) {
            return authority;
        }
        return host == null ? "" : host;
    }

    private static String secret(HttpFields headers) {
        String authorization = headers.get("Authorization");
        if (authorization != null) {
            return authorization.regionMatches(true, 0, "Bearer ", 0, 7)
                    ? authorization.substring(7).strip()
                    : "";
        }
        String key = headers.get("X-API-Key");
        return key == null ? "" : key.strip();
    }

    /** The client's own when it is harmless to print, else a new one. */
    static String requestId(HttpFields headers) {
        String sent = headers.get("X-Request-Id");
        if (sent != null && !sent.isEmpty() && sent.length() <= MAX_REQUEST_ID) {
            boolean sane = sent.chars()
                    .allMatch(c -> (c >= '0' && c <= '9')
                            || (c >= 'a' && c <= 'z')
                            || (c >= 'A' && c <= 'Z')
                            || c == '-'
                            || c == '_'
                            || c == '.');
            if (sane) {
                return sent;
            }
        }
        return "r" + Long.toHexString(ThreadLocalRandom.current().nextLong() | Long.MIN_VALUE);
    }
}
