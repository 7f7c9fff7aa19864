package dev.tinyvm.e2b.proxy;

import dev.tinyvm.e2b.E2bError;
import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.e2b.Sandbox;
import dev.tinyvm.e2b.Sandboxes;
import dev.tinyvm.e2b.TokenKey;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.manager.ManagerException;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Passes a request on to a server inside a sandbox and its answer back, both as they arrive. One connection into the sandbox for each request: dialling costs a message.
 */
public final class PortProxy {
    private static final Logger log = LoggerFactory.getLogger(PortProxy.class);
    private static final String TRAFFIC_TOKEN = "e2b-traffic-access-token";
    private static final int BUFFER_BYTES = 32 << 10;

    /** Headers that concern one connection only (RFC 9110 section 7.6.1), and those that route to us. */
    private static final Set<String> NOT_PASSED = Set.of(
            "connection",
            "keep-alive",
            "proxy-connection",
            "proxy-authenticate",
            "proxy-authorization",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "host",
            "content-length",
            "expect",
            "e2b-sandbox-id",
            "e2b-sandbox-port",
            TRAFFIC_TOKEN);

    private final Sandboxes sandboxes;

    public PortProxy(Sandboxes sandboxes) {
        this.sandboxes = sandboxes;
    }

    /** Answers with what the server on that port answers. */
    public void serve(Exchange exchange, Sandbox sandbox, int port) throws IOException {
        if (!sandbox.network().publicTraffic()
                && !TokenKey.same(
                        exchange.header(TRAFFIC_TOKEN),
                        sandboxes.settings().tokenKey().traffic(sandbox.id()))) {
            throw new E2bError(
                    403, "this sandbox is not public: send its traffic access token as '" + TRAFFIC_TOKEN + "'");
        }
        Optional<GuestConnection> dialled = dial(sandbox, port);
        if (dialled.isEmpty()) {
            Unreachable.closedPort(exchange, sandbox.id(), port);
            return;
        }
        GuestConnection connection = dialled.get();
        if (sandbox.network().tls(port)) {
            try {
                connection = TlsInside.over(connection);
            } catch (IOException e) {
                exchange.error(
                        new E2bError(502, "the server on port " + port + " cannot be talked to: " + e.getMessage()));
                return;
            }
        }
        boolean handedOver = false;
        try {
            handedOver = forward(exchange, sandbox, port, connection);
        } finally {
            if (!handedOver) {
                connection.close();
            }
        }
    }

    private Optional<GuestConnection> dial(Sandbox sandbox, int port) {
        try {
            return Optional.of(sandboxes.manager().dial(sandbox.id(), port));
        } catch (EngineException e) {
            if (e.code() == EngineException.Code.NOT_FOUND) {
                return Optional.empty();
            }
            throw e;
        } catch (ManagerException e) {
            if (e.code() == ManagerException.Code.NOT_FOUND || e.code() == ManagerException.Code.UNAVAILABLE) {
                return Optional.empty();
            }
            throw e;
        }
    }

    /** True: the connection lives on as a tunnel. */
    private boolean forward(Exchange exchange, Sandbox sandbox, int port, GuestConnection connection)
            throws IOException {
        boolean upgrade = !exchange.header("Upgrade").isEmpty();
        exchange.takesLong();
        OutputStream to = new BufferedOutputStream(connection.output(), BUFFER_BYTES);
        long length = exchange.request().getLength();
        boolean chunked = length < 0 && exchange.headers().contains("Transfer-Encoding");
        sendHead(exchange, sandbox, port, to, upgrade, length, chunked);
        if (length > 0 || chunked) {
            // The server may answer before it has read everything.
            Thread.ofVirtual().name("e2b-proxy-upload").start(() -> upload(exchange, to, chunked));
        } else {
            to.flush();
        }
        InputStream from = new BufferedInputStream(connection.input(), BUFFER_BYTES);
        HttpHead head = answer(exchange, from);
        if (head == null) {
            return false;
        }
        for (Map.Entry<String, String> field : head.fields()) {
            if (!NOT_PASSED.contains(field.getKey().toLowerCase(Locale.ROOT))) {
                exchange.response().getHeaders().add(field.getKey(), field.getValue());
            }
        }
        if (head.status() == 101) {
            if (!upgrade) {
                throw new E2bError(502, "the server on port " + port + " switched protocols without being asked");
            }
            ClientTunnel.open(exchange, head, connection, from);
            return true;
        }
        body(exchange, head, from);
        return false;
    }

    private static @org.jspecify.annotations.Nullable HttpHead answer(Exchange exchange, InputStream from)
            throws IOException {
        try {
            HttpHead head = HttpHead.read(from);
            while (head.status() >= 100 && head.status() < 200 && head.status() != 101) {
                head = HttpHead.read(from);
            }
            return head;
        } catch (IOException e) {
            exchange.error(new E2bError(502, String.valueOf(e.getMessage())));
            return null;
        }
    }

    private static void sendHead(
            Exchange exchange,
            Sandbox sandbox,
            int port,
            OutputStream to,
            boolean upgrade,
            long length,
            boolean chunked)
            throws IOException {
        StringBuilder head = new StringBuilder(512);
        head.append(exchange.method()).append(' ').append(exchange.target()).append(" HTTP/1.1\r\n");
        String host = sandbox.network().maskedHost(port).orElse(exchange.header("Host"));
        head.append("Host: ")
                .append(host.isEmpty() ? "localhost:" + port : host)
                .append("\r\n");
        HttpFields fields = exchange.headers();
        String named = exchange.header("Connection").toLowerCase(Locale.ROOT);
        for (HttpField field : fields) {
            String name = field.getName().toLowerCase(Locale.ROOT);
            if (!NOT_PASSED.contains(name) && !named(named, name)) {
                head.append(field.getName())
                        .append(": ")
                        .append(field.getValue())
                        .append("\r\n");
            }
        }
        head.append("X-Forwarded-For: ").append(exchange.remoteAddress()).append("\r\n");
        head.append("X-Forwarded-Proto: ")
                .append(exchange.request().isSecure() ? "https" : "http")
                .append("\r\n");
        if (length >= 0 && fields.contains("Content-Length")) {
            head.append("Content-Length: ").append(length).append("\r\n");
        } else if (chunked) {
            head.append("Transfer-Encoding: chunked\r\n");
        }
        if (upgrade) {
            head.append("Connection: Upgrade\r\nUpgrade: ")
                    .append(exchange.header("Upgrade"))
                    .append("\r\n");
        } else {
            head.append("Connection: close\r\n");
        }
        head.append("\r\n");
        to.write(head.toString().getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Whether the Connection header names this one as its own. */
    private static boolean named(String connection, String name) {
        for (String one : connection.split(",", -1)) {
            if (one.strip().equals(name)) {
                return true;
            }
        }
        return false;
    }

    private static void upload(Exchange exchange, OutputStream to, boolean chunked) {
        byte[] buffer = new byte[BUFFER_BYTES];
        try (InputStream body = exchange.bodyStream()) {
            for (int read = body.read(buffer); read >= 0; read = body.read(buffer)) {
                if (read == 0) {
                    continue;
                }
                if (chunked) {
                    to.write((Integer.toHexString(read) + "\r\n").getBytes(StandardCharsets.US_ASCII));
                }
                to.write(buffer, 0, read);
                if (chunked) {
                    to.write('\r');
                    to.write('\n');
                }
                to.flush();
            }
            if (chunked) {
                to.write("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            }
            to.flush();
        } catch (IOException | RuntimeException e) {
            // The server has hung up, or the client: whoever reads the answer finds out.
            log.debug("an upload to a sandbox's port broke off", e);
        }
    }

    private static void body(Exchange exchange, HttpHead head, InputStream from) throws IOException {
        String length = head.field("Content-Length");
        boolean none = exchange.method().equals("HEAD") || head.status() == 204 || head.status() == 304;
        if (none) {
            if (!length.isEmpty()) {
                exchange.header("Content-Length", length);
            }
            exchange.stream(head.status(), "");
            return;
        }
        InputStream content = head.chunked() ? new ChunkedInput(from) : from;
        long left = Long.MAX_VALUE;
        if (!head.chunked() && !length.isEmpty()) {
            left = parseLength(length);
            exchange.header("Content-Length", length);
        }
        OutputStream out = exchange.stream(head.status(), "");
        byte[] buffer = new byte[BUFFER_BYTES];
        boolean exact = left != Long.MAX_VALUE;
        while (left > 0) {
            int read = content.read(buffer, 0, (int) Math.min(left, buffer.length));
            if (read < 0) {
                if (exact) {
                    throw new IOException("the server on that port hung up " + left + " bytes too early");
                }
                return;
            }
            out.write(buffer, 0, read);
            left -= read;
            if (content.available() == 0) {
                out.flush();
            }
        }
    }

    private static long parseLength(String text) throws IOException {
        try {
            long length = Long.parseLong(text);
            if (length >= 0) {
                return length;
            }
        } catch (NumberFormatException e) {
            // The same answer as for a negative one.
        }
        throw new IOException("the server on that port sent a broken Content-Length");
    }
}
