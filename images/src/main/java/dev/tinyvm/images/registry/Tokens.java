package dev.tinyvm.images.registry;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What is sent as {@code Authorization}, learned from a registry's 401: Basic, or a bearer token from the service that the registry names
 * ({@code https://distribution.github.io/distribution/spec/auth/token/}). Kept per registry and scope. For any thread.
 */
final class Tokens {
    private static final JsonMapper JSON = new JsonMapper();
    private static final int MAX_TOKEN_BYTES = 1 << 20;

    private final Credentials.Source source;
    private final Sender sender;
    private final Map<String, String> known = new ConcurrentHashMap<>();

    /** One request as it is: no retries of its own, no 401 handling. */
    @FunctionalInterface
    interface Sender {
        HttpResponse<InputStream> send(HttpRequest.Builder request) throws IOException;
    }

    Tokens(Credentials.Source source, Sender sender) {
        this.source = source;
        this.sender = sender;
    }

    /** What to send without being asked. */
    Optional<String> known(String registry, String scope) {
        return Optional.ofNullable(known.get(registry + " " + scope));
    }

    /**
     * Answers a 401.
     *
     * @param challenges the {@code WWW-Authenticate} headers
     * @param over what the request was sent to
     * @return false when there is nothing to answer with
     */
    boolean answer(String registry, String scope, List<String> challenges, URI over) throws IOException {
        known.remove(registry + " " + scope);
        List<Challenge> all = challenges.stream()
                .flatMap(header -> Challenge.parse(header).stream())
                .toList();
        Optional<Challenge> bearer =
                all.stream().filter(c -> c.scheme().equals("bearer")).findFirst();
        Credentials credentials = source.of(registry);
        if (bearer.isPresent()) {
            known.put(registry + " " + scope, "Bearer " + fetch(registry, scope, bearer.get(), credentials, over));
            return true;
        }
        if (all.stream().anyMatch(c -> c.scheme().equals("basic"))
                && !credentials.isAnonymous()
                && !credentials.identityToken()) {
            known.put(registry + " " + scope, credentials.basic());
            return true;
        }
        return false;
    }

    private String fetch(String registry, String scope, Challenge challenge, Credentials credentials, URI over)
            throws IOException {
        URI realm = realm(registry, challenge, over);
        String service = challenge.parameter("service");
        HttpRequest.Builder request;
        if (credentials.identityToken()) {
            String form = "grant_type=refresh_token&client_id=tinyvm&service=" + encoded(service) + "&scope="
                    + encoded(scope) + "&refresh_token=" + encoded(credentials.secret());
            request = HttpRequest.newBuilder(realm)
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .POST(HttpRequest.BodyPublishers.ofString(form));
        } else {
            String query = (service.isEmpty() ? "" : "service=" + encoded(service) + "&") + "scope=" + encoded(scope)
                    + (credentials.isAnonymous() ? "" : "&account=" + encoded(credentials.user()));
            request = HttpRequest.newBuilder(URI.create(realm + (realm.getRawQuery() == null ? "?" : "&") + query));
            if (!credentials.isAnonymous()) {
                request.header("Authorization", credentials.basic());
            }
        }
        HttpResponse<InputStream> response = sender.send(request);
        byte[] body;
        try (InputStream in = response.body()) {
            body = in.readNBytes(MAX_TOKEN_BYTES);
        }
        if (response.statusCode() >= 500 || response.statusCode() == 429) {
            throw new IOException("the token service " + realm.getHost() + " answers " + response.statusCode());
        }
        if (response.statusCode() != 200) {
            throw new RegistryException(
                    RegistryException.Code.UNAUTHORIZED,
                    "the token service " + realm.getHost() + " of " + registry + " answers " + response.statusCode()
                            + (credentials.isAnonymous()
                                    ? " to somebody without credentials; log in with: docker login " + registry
                                    : " to the stored credentials; log in again with: docker login " + registry));
        }
        try {
            JsonNode root = JSON.readTree(body);
            String token = root.path("token").asString("");
            token = token.isEmpty() ? root.path("access_token").asString("") : token;
            if (token.matches("[\\x21-\\x7e]+")) {
                return token;
            }
        } catch (JacksonException e) {
            // Said below, without its message, which may quote a token.
        }
        throw new RegistryException(
                RegistryException.Code.PROTOCOL,
                "the token service " + realm.getHost() + " of " + registry + " gave no usable token");
    }

    /** A registry could send a password anywhere; at least it does not travel in the clear. */
    private static URI realm(String registry, Challenge challenge, URI over) {
        try {
            URI realm = URI.create(challenge.parameter("realm"));
            boolean local = realm.getHost() != null
                    && Reference.isLoopback(realm.getHost())
                    && over.getHost() != null
                    && Reference.isLoopback(over.getHost());
            if (realm.getHost() != null
                    && realm.getRawFragment() == null
                    && ("https".equals(realm.getScheme()) || ("http".equals(realm.getScheme()) && local))) {
                return realm;
            }
        } catch (IllegalArgumentException e) {
            // Said below.
        }
        throw new RegistryException(
                RegistryException.Code.PROTOCOL,
                registry + " names `" + RegistryException.shown(challenge.parameter("realm"))
                        + "` as its token service, which is no HTTPS address");
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
