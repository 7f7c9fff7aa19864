package dev.tinyvm.llm;

import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.LlmException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;

/** The connections to one provider. The only place where its key is put into a request. */
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

    private final Provider provider;
    private final Semaphore slots;
    private final HttpClient client;

    /** An answer whose head is there. */
    record Reply(int status, Headers headers, BodyPipe body) implements AutoCloseable {
        @Override
        public void close() {
            body.close();
        }
    }

    Upstream(Provider provider) {
        this.provider = provider;
        slots = new Semaphore(provider.maxConcurrent(), true);
        // Over TLS the two sides agree on HTTP/2; in the clear that would take an upgrade, which local providers do not
        // know.
        boolean tls = "https".equals(provider.baseUrl().getScheme());
        client = HttpClient.newBuilder()
                .version(tls ? HttpClient.Version.HTTP_2 : HttpClient.Version.HTTP_1_1)
                .connectTimeout(provider.timeouts().connect())
                .followRedirects(HttpClient.Redirect.NEVER)
                .executor(Executors.newVirtualThreadPerTaskExecutor())
                .build();
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
        HttpRequest.Builder request = HttpRequest.newBuilder(uri(target))
                .timeout(firstByte)
                .method(
                        method,
                        body.length == 0
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofByteArray(body));
        Set<String> dropped = new HashSet<>(hopByHop(headers));
        dropped.addAll(CREDENTIALS);
        provider.headers().forEach(field -> dropped.add(field.name().toLowerCase(Locale.ROOT)));
        headers.without(dropped).forEach(field -> request.header(field.name(), field.value()));
        provider.headers().forEach(field -> request.header(field.name(), field.value()));
        // So that the usage in the answer can be read as it passes.
        request.header("accept-encoding", "identity");
        String key = provider.key().read();
        if (!key.isEmpty()) {
            switch (dialect) {
                case OPENAI -> request.header("authorization", "Bearer " + key);
                case ANTHROPIC -> request.header("x-api-key", key);
                case GEMINI -> request.header("x-goog-api-key", key);
            }
        }
        if (dialect == Dialect.ANTHROPIC && headers.first("anthropic-version").isEmpty()) {
            request.header("anthropic-version", "2023-06-01");
        }
        HttpResponse<BodyPipe> response = client.send(request.build(), info -> new BodyPipe());
        return new Reply(response.statusCode(), headers(response), response.body());
    }

    private URI uri(String target) {
        try {
            return URI.create(provider.root() + target);
        } catch (IllegalArgumentException e) {
            throw new LlmException(
                    LlmException.Kind.INVALID, "the path or query holds characters that must be percent-encoded");
        }
    }

    @Override
    public void close() {
        client.shutdownNow();
    }

    private static Headers headers(HttpResponse<?> response) {
        List<Headers.Field> fields = new ArrayList<>();
        response.headers().map().forEach((name, values) -> {
            if (!name.startsWith(":")) {
                values.forEach(value -> fields.add(new Headers.Field(name, value)));
            }
        });
        Headers all = Headers.of(fields);
        Set<String> dropped = new HashSet<>(hopByHop(all));
        dropped.remove("content-length");
        return all.without(dropped);
    }

    private static Set<String> hopByHop(Headers headers) {
        Set<String> names = new HashSet<>(HOP_BY_HOP);
        for (String value : headers.all("Connection")) {
            for (String name : value.split(",", -1)) {
                names.add(name.strip().toLowerCase(Locale.ROOT));
            }
        }
        return names;
    }
}
