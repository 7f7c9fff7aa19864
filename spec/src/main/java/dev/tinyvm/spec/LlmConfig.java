package dev.tinyvm.spec;

import java.math.BigDecimal;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The section {@code llm} of the manager's configuration: whom agents may ask, for which models, at which price, and how much. No key stands in it, only where each is.
 *
 * @param providers by distinct names
 * @param routes in order; the first that fits counts
 * @param prices in order; the first that fits counts
 * @param limits in order; for each key and each agent the first that fits counts
 * @param maxRequestBytes of a request's body
 */
public record LlmConfig(
        List<Provider> providers, List<Route> routes, List<Price> prices, List<Limit> limits, long maxRequestBytes) {
    /** 64 MiB: prompts with images. */
    public static final long REQUEST_BYTES = 64L << 20;

    /** No provider: there is no gateway. */
    public static final LlmConfig NONE = new LlmConfig(List.of(), List.of(), List.of(), List.of(), REQUEST_BYTES);

    public LlmConfig {
        providers = List.copyOf(providers);
        routes = List.copyOf(routes);
        prices = List.copyOf(prices);
        limits = List.copyOf(limits);
    }

    /** What is wrong with the name of a secret, as the end of a sentence; empty: nothing. */
    public static Optional<String> wrongSecretName(String name) {
        return Names.wrongAgentName(name);
    }

    /** What a provider speaks. */
    public enum Type {
        OPENAI,
        ANTHROPIC,
        GEMINI,
        /** Follows a script, without a model; speaks all three. */
        SCRIPTED
    }

    /**
     * Someone who runs models.
     *
     * @param baseUrl what stands before {@code /v1} or {@code /v1beta}; empty for a scripted one
     * @param script absolute path of its script; empty for all others
     * @param responses whether it has OpenAI's Responses API; else that is translated
     * @param headers sent with each request
     * @param concurrency calls at once; more wait
     */
    public record Provider(
            String name,
            Type type,
            String baseUrl,
            Key key,
            String script,
            boolean responses,
            Map<String, String> headers,
            Timeouts timeouts,
            Retries retries,
            int concurrency) {
        public static final int CONCURRENCY = 256;

        public Provider {
            headers = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(headers));
        }
    }

    /** Where a key is. */
    public sealed interface Key {
        /** There is none: a provider on this machine. */
        record None() implements Key {}

        /** @param name of an environment variable of the manager */
        record Environment(String name) implements Key {}

        /** @param path absolute, of a file that holds the key alone */
        record KeyFile(String path) implements Key {}

        /** @param name as given to {@code tinyvm secret set} */
        record Secret(String name) implements Key {}
    }

    /**
     * Time limits.
     *
     * @param connect to open a connection
     * @param firstByte from sending the request to the first byte of the answer's body
     * @param idle between two parts of the answer
     * @param queue that a call waits while as many as allowed are running
     */
    public record Timeouts(Duration connect, Duration firstByte, Duration idle, Duration queue) {
        public static final Timeouts DEFAULT = new Timeouts(
                Duration.ofSeconds(10), Duration.ofMinutes(10), Duration.ofMinutes(2), Duration.ofMinutes(1));
    }

    /**
     * When a provider refuses for now or cannot be reached.
     *
     * @param attempts in all
     * @param delay before the second; doubled each time
     * @param maxDelay longest wait; a longer {@code Retry-After} ends the attempts at this provider
     */
    public record Retries(int attempts, Duration delay, Duration maxDelay) {
        public static final Retries DEFAULT = new Retries(3, Duration.ofMillis(500), Duration.ofSeconds(30));
    }

    /**
     * Where calls for a model go.
     *
     * @param model name, alias, or pattern with {@code *}
     * @param targets asked in this order
     */
    public record Route(String model, List<Target> targets) {
        public Route {
            targets = List.copyOf(targets);
        }
    }

    /** @param model what it is called there; empty: as the client called it */
    public record Target(String provider, String model) {}

    /**
     * US dollars for a million tokens.
     *
     * @param provider name or pattern
     * @param model its name at the provider, or a pattern
     */
    public record Price(
            String provider,
            String model,
            BigDecimal input,
            BigDecimal cachedInput,
            BigDecimal cacheWrite,
            BigDecimal output) {}

    /** Whom a limit is for. */
    public enum Scope {
        KEY,
        AGENT
    }

    /**
     * What one key or one agent may use. Each name that fits the pattern has an account of its own.
     *
     * @param name of the key or the agent, or a pattern
     * @param allowed what it may use
     */
    public record Limit(Scope scope, String name, Llm allowed) {}
}
