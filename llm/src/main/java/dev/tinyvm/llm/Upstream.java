package dev.tinyvm.llm;

import dev.tinyvm.llm.http.ConnectionPool;
import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.http.ProviderConnection;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.LlmException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections to one provider. The only place where its key is put into a request. With TLS it is the JDK's client, which speaks HTTP/2; in the clear (a provider on this machine or in its network, or what a sidecar ends TLS for) a client of
 * our own, which needs no second thread and adds a fraction of the delay: docs/decisions.
 */
final class Upstream implements AutoCloseable {
    /** About one connection each (RFC 9110, section 7.6.1), or what the HTTP client sets itself. */
    private static final Set<String> HOP_BY_HOP = Set.of(
            "connection",
            "keep-alive",
            "proxy-authenticate",
            "proxy-authorization",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "http2-settings",
            "host",
            "content-length",
            "expect");

    /** What clients put for a key: a dummy inside a Tiny VM, the manager's API key outside; neither is the provider's business. */
    private static final Set<String> CREDENTIALS =
            Set.of("authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie", "accept-encoding");

    private static final Logger log = LoggerFactory.getLogger(Upstream.class);
    private static final int HTTP_PORT = 80;

    private final Provider provider;
    private final Semaphore slots;
    /** For TLS: HTTP/2 where the provider has it. */
    private final @Nullable TlsClients clients;
    /** Without TLS. */
    private final @Nullable ConnectionPool pool;

    private final String root;
    private final String authority;
    /** Where the path begins in a URL that begins with the root. */
    private final int pathStart;

    /** An answer whose head is there. */
    record Reply(int status, Headers headers, ReplyBody body) implements AutoCloseable {
        @Override
        public void close() {
            body.close();
        }
    }

    Upstream(Provider provider) {
        this.provider = provider;
        slots = new Semaphore(provider.maxConcurrent(), true);
        root = provider.root();
        URI url = URI.create(root);
        authority = url.getRawAuthority();
        String path = url.getRawPath();
        pathStart = root.length() - (path == null ? 0 : path.length());
        if ("https".equals(url.getScheme())) {
            pool = null;
            clients = new TlsClients(provider.timeouts().connect());
        } else {
            clients = null;
            int port = url.getPort() < 0 ? HTTP_PORT : url.getPort();
            String host = url.getHost();
            pool = new ConnectionPool(
                    host.startsWith("[") ? host.substring(1, host.length() - 1) : host,
                    port,
                    provider.timeouts().connect());
        }
    }

    Provider provider() {
        return provider;
    }

    Semaphore slots() {
        return slots;
    }

    /**
     * Sends it and waits for the head.
     *
     * @param dialect one of the provider's
     * @param target path and query
     * @param headers the client's
     */
    Reply send(Dialect dialect, String method, String target, Headers headers, byte[] body, Duration firstByte)
            throws IOException, InterruptedException {
        List<Headers.Field> fields = fields(dialect, headers);
        ConnectionPool plain = pool;
        return plain == null
                ? overTls(method, target, fields, body, firstByte)
                : inTheClear(plain, method, target, fields, body, System.nanoTime() + firstByte.toNanos());
    }

    /** What the provider gets: the client's fields without what is about the connection or a key, then the configured ones, then its own key. */
    private List<Headers.Field> fields(Dialect dialect, Headers headers) throws IOException {
        List<Headers.Field> fields = new ArrayList<>(headers.fields().size() + 3);
        Set<String> about = namedByConnection(headers);
        boolean version = false;
        for (Headers.Field field : headers) {
            String name = field.name().toLowerCase(Locale.ROOT);
            if (!HOP_BY_HOP.contains(name)
                    && !CREDENTIALS.contains(name)
                    && !about.contains(name)
                    && provider.headers().first(name).isEmpty()) {
                fields.add(field);
                version |= name.equals("anthropic-version");
            }
        }
        fields.addAll(provider.headers().fields());
        // So that the usage in the answer can be read as it passes.
        fields.add(new Headers.Field("accept-encoding", "identity"));
        String key = provider.key().read();
        if (!key.isEmpty()) {
            fields.add(
                    switch (dialect) {
                        case OPENAI -> new Headers.Field("authorization", "Bearer " + key);
                        case ANTHROPIC -> new Headers.Field("x-api-key", key);
                        case GEMINI -> new Headers.Field("x-goog-api-key", key);
                    });
        }
        if (dialect == Dialect.ANTHROPIC && !version) {
            fields.add(new Headers.Field("anthropic-version", "2023-06-01"));
        }
        return fields;
    }

    private Reply overTls(String method, String target, List<Headers.Field> fields, byte[] body, Duration firstByte)
            throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(uri(target))
                .timeout(firstByte)
                .method(
                        method,
                        body.length == 0
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofByteArray(body));
        fields.forEach(field -> request.header(field.name(), field.value()));
        TlsClients.Answer answer = java.util.Objects.requireNonNull(clients).send(request.build());
        return new Reply(answer.response().statusCode(), headers(answer.response()), answer.body());
    }

    private Reply inTheClear(
            ConnectionPool plain, String method, String target, List<Headers.Field> fields, byte[] body, long deadline)
            throws IOException, InterruptedException {
        byte[] head = head(method, uri(target).toString().substring(pathStart), fields, body);
        ProviderConnection used = plain.idle();
        if (used != null) {
            // It may have been closed over there in the meantime: that is no answer, and another connection is asked.
            try {
                Reply reply = exchange(plain, used, method, head, body, deadline);
                if (reply != null) {
                    return reply;
                }
            } catch (HttpTimeoutException e) {
                throw e;
            } catch (IOException e) {
                log.debug("a kept connection to provider '{}' was closed", provider.name());
            }
        }
        Reply reply = exchange(plain, plain.open(), method, head, body, deadline);
        if (reply == null) {
            throw new IOException("it closed the connection instead of answering");
        }
        return reply;
    }

    /** Null when the provider closed instead of answering. */
    private static @Nullable Reply exchange(
            ConnectionPool plain, ProviderConnection connection, String method, byte[] head, byte[] body, long deadline)
            throws IOException, InterruptedException {
        PooledBody pooled = new PooledBody(plain, connection);
        boolean answered = false;
        try {
            connection.send(head, body);
            ProviderConnection.Head answer = connection.head(method, deadline);
            if (answer == null) {
                return null;
            }
            Headers all = answer.headers();
            Set<String> about = namedByConnection(all);
            List<Headers.Field> kept = new ArrayList<>(all.fields().size());
            for (Headers.Field field : all) {
                String name = field.name().toLowerCase(Locale.ROOT);
                if (name.equals("content-length") || (!HOP_BY_HOP.contains(name) && !about.contains(name))) {
                    kept.add(field);
                }
            }
            answered = true;
            return new Reply(answer.status(), Headers.of(kept), pooled);
        } catch (SocketTimeoutException e) {
            throw new HttpTimeoutException("it did not answer in time");
        } catch (IOException e) {
            throw PooledBody.orInterrupted(e);
        } finally {
            if (!answered) {
                connection.close();
            }
        }
    }

    private byte[] head(String method, String target, List<Headers.Field> fields, byte[] body) {
        StringBuilder head = new StringBuilder(512);
        head.append(method)
                .append(' ')
                .append(target)
                .append(" HTTP/1.1\r\nHost: ")
                .append(authority);
        for (Headers.Field field : fields) {
            head.append("\r\n").append(field.name()).append(": ").append(field.value());
        }
        if (body.length > 0 || method.equals("POST")) {
            head.append("\r\nContent-Length: ").append(body.length);
        }
        return head.append("\r\n\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    private URI uri(String target) {
        try {
            return URI.create(root + target);
        } catch (IllegalArgumentException e) {
            throw new LlmException(
                    LlmException.Kind.INVALID, "the path or query holds characters that must be percent-encoded");
        }
    }

    @Override
    public void close() {
        if (clients != null) {
            clients.close();
        }
        if (pool != null) {
            pool.close();
        }
    }

    private static Headers headers(HttpResponse<?> response) {
        List<Headers.Field> fields = new ArrayList<>();
        response.headers().map().forEach((name, values) -> {
            if (!name.startsWith(":")) {
                values.forEach(value -> fields.add(new Headers.Field(name, value)));
            }
        });
        Headers all = Headers.of(fields);
        Set<String> dropped = new HashSet<>(HOP_BY_HOP);
        dropped.addAll(namedByConnection(all));
        dropped.remove("content-length");
        return all.without(dropped);
    }

    /** Fields that the connection option names, in lower case. */
    private static Set<String> namedByConnection(Headers headers) {
        Set<String> names = Set.of();
        for (String value : headers.all("Connection")) {
            for (String name : value.split(",", -1)) {
                names = names.isEmpty() ? new HashSet<>() : names;
                names.add(name.strip().toLowerCase(Locale.ROOT));
            }
        }
        return names;
    }
}
