package dev.tinyvm.llm;

import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.wire.Dialect;
import java.net.URI;
import java.time.Duration;
import java.util.List;

/**
 * Someone who runs models, as the manager's configuration names it.
 *
 * @param name for routes, logs and bills
 * @param dialects what it speaks, at least one; a client of another dialect is translated to the first
 * @param responses whether it has OpenAI's Responses API; otherwise that is translated too
 * @param baseUrl what stands before {@code /v1} or {@code /v1beta}; a {@code /v1} at its end is taken off
 * @param key where its key is
 * @param headers sent with each request in the place of the client's of the same name
 * @param timeouts how long it may take
 * @param retry how often it is asked again
 * @param maxConcurrent calls at once; more wait
 */
public record Provider(
        String name,
        List<Dialect> dialects,
        boolean responses,
        URI baseUrl,
        KeySource key,
        Headers headers,
        Timeouts timeouts,
        Retry retry,
        int maxConcurrent) {

    /**
     * Time limits.
     *
     * @param connect to open a connection
     * @param firstByte from sending the request to the first byte of the answer's body
     * @param idle between two parts of the answer
     * @param queue that a call waits when {@code maxConcurrent} are running
     */
    public record Timeouts(Duration connect, Duration firstByte, Duration idle, Duration queue) {
        /** Ten seconds to connect, ten minutes to the first byte, two of silence, one minute in the queue. */
        public static final Timeouts DEFAULT = new Timeouts(
                Duration.ofSeconds(10), Duration.ofMinutes(10), Duration.ofMinutes(2), Duration.ofMinutes(1));
    }

    /**
     * When a provider refuses for now.
     *
     * @param attempts in all, at least 1
     * @param firstDelay before the second attempt; doubled each time, and up to a quarter longer by chance
     * @param maxDelay longest wait; a longer {@code Retry-After} ends the attempts at this provider
     */
    public record Retry(int attempts, Duration firstDelay, Duration maxDelay) {
        /** Three attempts, half a second, thirty seconds. */
        public static final Retry DEFAULT = new Retry(3, Duration.ofMillis(500), Duration.ofSeconds(30));
    }

    /** Checks it. */
    public Provider {
        dialects = List.copyOf(dialects);
        if (dialects.isEmpty()) {
            throw new IllegalArgumentException("provider '" + name + "' speaks nothing");
        }
        String scheme = baseUrl.getScheme();
        if (!("http".equals(scheme) || "https".equals(scheme)) || baseUrl.getHost() == null) {
            throw new IllegalArgumentException(
                    "the base URL of provider '" + name + "' is not http://… or https://… with a host");
        }
        if (baseUrl.getUserInfo() != null || baseUrl.getQuery() != null) {
            throw new IllegalArgumentException("the base URL of provider '" + name
                    + "' must not hold a user, a password or a query; name the key's source instead");
        }
        if (maxConcurrent < 1 || retry.attempts() < 1) {
            throw new IllegalArgumentException(
                    "provider '" + name + "' must be allowed at least one call and one attempt");
        }
    }

    /** With the defaults. */
    public static Provider of(String name, Dialect type, String baseUrl, KeySource key) {
        return new Provider(
                name,
                List.of(type),
                true,
                URI.create(baseUrl),
                key,
                Headers.none(),
                Timeouts.DEFAULT,
                Retry.DEFAULT,
                256);
    }

    /** Such as {@code https://api.openai.com}, without {@code /v1} or a slash at the end. */
    String root() {
        String url = baseUrl.toString();
        while (url.endsWith("/")) {
            url = url.substring(0, url.length() - 1);
        }
        for (String version : new String[] {"/v1", "/v1beta"}) {
            if (url.endsWith(version)) {
                return url.substring(0, url.length() - version.length());
            }
        }
        return url;
    }
}
