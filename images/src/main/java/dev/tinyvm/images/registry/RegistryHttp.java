package dev.tinyvm.images.registry;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Requests to registries: authorised when they ask for it, tried again when they are busy, redirected by hand so that no credentials follow to
 * another host. For any thread.
 */
final class RegistryHttp implements AutoCloseable {
    private static final JsonMapper JSON = new JsonMapper();
    private static final int MAX_REDIRECTS = 5;
    private static final int MAX_ERROR_BYTES = 65_536;
    private static final Duration CONNECT_LIMIT = Duration.ofSeconds(20);
    private static final Duration ANSWER_LIMIT = Duration.ofSeconds(60);
    private static final Set<Integer> TRANSIENT = Set.of(408, 425, 429, 500, 502, 503, 504);

    private final RegistryOptions options;
    private final Proxies proxies;
    private final HttpClient client;
    private final Tokens tokens;

    /**
     * One request.
     *
     * @param registry whose credentials it may carry
     * @param scope what a token is asked for, such as {@code repository:library/alpine:pull}
     * @param body made anew for each attempt; null for none
     * @param bodyBytes length of the body
     * @param attempted for messages, such as `alpine:3.20 could not be pulled`
     */
    record Call(
            String method,
            URI uri,
            String registry,
            String scope,
            Map<String, String> headers,
            @Nullable Supplier<HttpRequest.BodyPublisher> body,
            long bodyBytes,
            String attempted) {
        static Call get(URI uri, Reference image, Map<String, String> headers, String attempted) {
            return new Call("GET", uri, image.registry(), pull(image), headers, null, 0, attempted);
        }

        static String pull(Reference image) {
            return "repository:" + image.repository() + ":pull";
        }
    }

    RegistryHttp(RegistryOptions options) {
        this.options = options;
        this.proxies = Proxies.of(options.environment());
        this.client = HttpClient.newBuilder()
                .proxy(proxies)
                .connectTimeout(CONNECT_LIMIT)
                .followRedirects(HttpClient.Redirect.NEVER)
                .version(HttpClient.Version.HTTP_1_1)
                .build();
        this.tokens = new Tokens(options.credentials(), request -> once(request, ANSWER_LIMIT));
    }

    RegistryOptions options() {
        return options;
    }

    /**
     * The answer, when its status is one of those wanted; the caller closes its body.
     *
     * @throws RegistryException for any other, with what the registry said
     */
    HttpResponse<InputStream> send(Call call, Set<Integer> wanted) {
        for (int attempt = 1; ; attempt++) {
            try {
                HttpResponse<InputStream> response = authorised(call);
                if (wanted.contains(response.statusCode())) {
                    return response;
                }
                if (!TRANSIENT.contains(response.statusCode()) || attempt >= options.attempts()) {
                    throw refused(call, response);
                }
                response.body().close();
                pause(attempt, response.headers().firstValue("Retry-After").orElse(""), call);
            } catch (IOException e) {
                if (attempt >= options.attempts() || e instanceof SSLException || e instanceof ConnectException) {
                    throw unreachable(call, e);
                }
                pause(attempt, "", call);
            }
        }
    }

    /** Waits before another attempt. */
    void pause(int attempt, String retryAfter, Call call) {
        Duration wait = options.firstWait().multipliedBy(1L << Math.min(attempt - 1, 10));
        Duration asked = seconds(retryAfter);
        wait = asked.compareTo(wait) > 0 ? asked : wait;
        try {
            Thread.sleep(wait.compareTo(options.longestWait()) > 0 ? options.longestWait() : wait);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RegistryException(
                    RegistryException.Code.UNREACHABLE, call.attempted() + ": it was interrupted", e);
        }
    }

    RegistryException unreachable(Call call, IOException e) {
        String reason = e.getMessage() != null
                ? e.getMessage()
                : e instanceof ConnectException
                        ? "the name is not known, or nobody listens there"
                        : e.getClass().getSimpleName();
        String remedy = e instanceof ConnectException
                ? "; check the name, the network, and HTTPS_PROXY when one is needed"
                : e instanceof SSLException
                        ? "; its certificate must be one that this JDK trusts (plain HTTP is used for this machine alone)"
                        : "; try again, what was transferred is kept";
        return new RegistryException(
                RegistryException.Code.UNREACHABLE,
                call.attempted() + ": " + call.registry() + " gave no answer (" + RegistryException.shown(reason) + ")"
                        + remedy,
                e);
    }

    @Override
    public void close() {
        client.shutdownNow();
        client.close();
    }

    private HttpResponse<InputStream> authorised(Call call) throws IOException {
        HttpResponse<InputStream> response = redirected(call);
        if (response.statusCode() != 401) {
            return response;
        }
        if (!tokens.answer(
                call.registry(),
                call.scope(),
                response.headers().allValues("WWW-Authenticate"),
                response.request().uri())) {
            return response;
        }
        response.body().close();
        return redirected(call);
    }

    private HttpResponse<InputStream> redirected(Call call) throws IOException {
        URI uri = call.uri();
        for (int hops = 0; ; hops++) {
            HttpRequest.Builder request = HttpRequest.newBuilder(uri);
            call.headers().forEach(request::setHeader);
            if (origin(uri).equals(origin(call.uri()))) {
                tokens.known(call.registry(), call.scope())
                        .ifPresent(value -> request.setHeader("Authorization", value));
            }
            Supplier<HttpRequest.BodyPublisher> body = call.body();
            request.method(call.method(), body == null ? HttpRequest.BodyPublishers.noBody() : body.get());
            // An upload gets a second more for each 64 KiB.
            HttpResponse<InputStream> response = once(request, ANSWER_LIMIT.plusSeconds(call.bodyBytes() >> 16));
            int status = response.statusCode();
            if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) {
                return response;
            }
            response.body().close();
            URI next = location(response, call);
            boolean downgrade = "https".equals(uri.getScheme()) && !"https".equals(next.getScheme());
            if (hops >= MAX_REDIRECTS || downgrade || !call.method().matches("GET|HEAD")) {
                throw new RegistryException(
                        RegistryException.Code.PROTOCOL,
                        call.attempted() + ": " + call.registry() + " redirects "
                                + (downgrade ? "to plain HTTP" : "too often, or what may not be redirected"));
            }
            uri = next;
        }
    }

    /** Where an answer points to. */
    static URI location(HttpResponse<?> response, Call call) {
        try {
            URI next = response.uri()
                    .resolve(response.headers().firstValue("Location").orElse(""));
            if (next.getHost() != null && ("https".equals(next.getScheme()) || "http".equals(next.getScheme()))) {
                return next;
            }
        } catch (IllegalArgumentException e) {
            // Said below.
        }
        throw new RegistryException(
                RegistryException.Code.PROTOCOL,
                call.attempted() + ": " + call.registry() + " points to something that is no HTTP address");
    }

    private HttpResponse<InputStream> once(HttpRequest.Builder request, Duration limit) throws IOException {
        HttpRequest plain =
                request.timeout(limit).setHeader("User-Agent", "tinyvm").build();
        Optional<String> toProxy = proxies.authorization(plain.uri());
        HttpRequest complete = toProxy.map(
                        v -> request.setHeader("Proxy-Authorization", v).build())
                .orElse(plain);
        try {
            return client.send(
                    complete,
                    info -> HttpResponse.BodySubscribers.mapping(
                            HttpResponse.BodySubscribers.ofInputStream(),
                            body -> StallGuard.of(body, options.stallLimit())));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RegistryException(
                    RegistryException.Code.UNREACHABLE, plain.uri().getHost() + " was not waited for: interrupted", e);
        }
    }

    private static String origin(URI uri) {
        int port = uri.getPort() >= 0 ? uri.getPort() : "https".equals(uri.getScheme()) ? 443 : 80;
        return uri.getScheme() + "://" + String.valueOf(uri.getHost()).toLowerCase(Locale.ROOT) + ":" + port;
    }

    private static RegistryException refused(Call call, HttpResponse<InputStream> response) {
        int status = response.statusCode();
        String said = said(response);
        String more = said.isEmpty() ? "" : " (" + said + ")";
        return switch (status) {
            case 401, 403 ->
                new RegistryException(
                        RegistryException.Code.UNAUTHORIZED,
                        call.attempted() + ": " + call.registry() + " refuses access" + more
                                + "; is the name right? If it is, log in with: docker login " + call.registry());
            case 404 ->
                new RegistryException(
                        RegistryException.Code.NOT_FOUND,
                        call.attempted() + ": " + call.registry() + " does not have it" + more
                                + "; check the repository and the tag");
            case 407 ->
                new RegistryException(
                        RegistryException.Code.UNREACHABLE,
                        call.attempted()
                                + ": the proxy wants a user and a password; write http://user:password@host:port in HTTPS_PROXY");
            default ->
                new RegistryException(
                        TRANSIENT.contains(status)
                                ? RegistryException.Code.UNREACHABLE
                                : RegistryException.Code.PROTOCOL,
                        call.attempted() + ": " + call.registry() + " answers " + status + more
                                + (TRANSIENT.contains(status) ? "; try again later" : ""));
        };
    }

    /** The registry's own words, from its JSON. */
    private static String said(HttpResponse<InputStream> response) {
        try (InputStream in = response.body()) {
            JsonNode root = JSON.readTree(new String(in.readNBytes(MAX_ERROR_BYTES), StandardCharsets.UTF_8));
            JsonNode first = root.path("errors").path(0);
            String message = first.path("message").asString("");
            return RegistryException.shown(
                    message.isEmpty() ? first.path("code").asString("") : message);
        } catch (IOException | JacksonException e) {
            return "";
        }
    }

    private static Duration seconds(String retryAfter) {
        if (retryAfter.matches("[0-9]{1,9}")) {
            return Duration.ofSeconds(Long.parseLong(retryAfter));
        }
        try {
            return retryAfter.isEmpty()
                    ? Duration.ZERO
                    : Duration.between(
                            Instant.now(), Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(retryAfter)));
        } catch (DateTimeException e) {
            return Duration.ZERO;
        }
    }
}
