package dev.tinyvm.spec;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads {@code llm} of the manager's configuration: its providers here, what refers to them in {@link LlmRoutesSection}. */
final class LlmConfigSection {
    static final Keys KEYS = Keys.of("providers", "routes", "prices", "limits", "maxRequestSize");
    private static final Keys PROVIDER = Keys.of(
                    "name",
                    "type",
                    "baseUrl",
                    "apiKey",
                    "script",
                    "responses",
                    "headers",
                    "timeouts",
                    "retries",
                    "concurrency")
            .with(Map.of(
                    "key", "is written `apiKey: {env: NAME}`, `{file: PATH}` or `{secret: NAME}`",
                    "model", "belongs to a route: llm.routes: [{model: …, provider: …}]",
                    "models", "belong to routes: llm.routes: [{model: …, provider: …}]"));
    static final Keys KEY = Keys.of("env", "file", "secret");
    private static final Keys TIMEOUTS = Keys.of("connect", "firstByte", "idle", "queue");
    private static final Keys RETRIES = Keys.of("attempts", "delay", "maxDelay");

    private static final Map<String, LlmConfig.Type> TYPES = types();
    private static final Map<LlmConfig.Type, String> URLS = Map.of(
            LlmConfig.Type.OPENAI, "https://api.openai.com",
            LlmConfig.Type.ANTHROPIC, "https://api.anthropic.com",
            LlmConfig.Type.GEMINI, "https://generativelanguage.googleapis.com");
    private static final Pattern HEADER = Pattern.compile("[A-Za-z0-9-]{1,64}");
    /** Those that hold keys, and those that the HTTP client sets. */
    private static final Set<String> NOT_HEADERS = Set.of(
            "authorization",
            "x-api-key",
            "x-goog-api-key",
            "api-key",
            "cookie",
            "host",
            "connection",
            "content-length",
            "transfer-encoding",
            "accept-encoding",
            "upgrade",
            "expect");

    private static final int MAX_PROVIDERS = 100;
    private static final int MAX_HEADERS = 32;
    private static final int MAX_CONCURRENCY = 100_000;
    private static final int MAX_ATTEMPTS = 20;
    private static final long MIN_REQUEST_BYTES = 64L << 10;
    private static final long MAX_REQUEST_BYTES = 512L << 20;
    private static final Duration SHORTEST = Duration.ofMillis(1);
    private static final Duration LONGEST = Duration.ofDays(1);

    private LlmConfigSection() {}

    static LlmConfig read(Section section, @Nullable Path directory) {
        List<LlmConfig.Provider> providers = new ArrayList<>();
        Map<String, Section> named = new HashMap<>();
        for (Section each : section.sections("providers", PROVIDER, MAX_PROVIDERS)) {
            LlmConfig.Provider provider = provider(each, directory);
            if (!provider.name().isEmpty() && named.putIfAbsent(provider.name(), each) != null) {
                each.problem("name", "is the name of an earlier provider too; give one of them another");
            }
            providers.add(provider);
        }
        return new LlmConfig(
                providers,
                LlmRoutesSection.routes(section, named.keySet()),
                LlmRoutesSection.prices(section, named.keySet()),
                LlmRoutesSection.limits(section),
                section.bytes("maxRequestSize", MIN_REQUEST_BYTES, MAX_REQUEST_BYTES, LlmConfig.REQUEST_BYTES));
    }

    private static LlmConfig.Provider provider(Section section, @Nullable Path directory) {
        String name = section.required("name", "expected a name such as `openai`");
        if (!name.isEmpty()) {
            Names.wrongAgentName(name).ifPresent(wrong -> section.problem("name", wrong));
        }
        LlmConfig.Type type = section.word("type", TYPES, LlmConfig.Type.OPENAI);
        if (!section.has("type")) {
            section.problem("type", "is missing; allowed are " + String.join(", ", TYPES.keySet()));
        }
        boolean scripted = type == LlmConfig.Type.SCRIPTED;
        if (scripted) {
            for (String key : List.of("baseUrl", "apiKey", "responses")) {
                if (section.has(key)) {
                    section.problem(
                            key, "means nothing for a scripted provider, which answers from its script; remove it");
                }
            }
            if (!section.has("script")) {
                section.problem("script", "is missing; name the file with the script");
            }
        } else if (section.has("script")) {
            section.problem("script", "is for `type: scripted` alone; remove it or change the type");
        }
        if (section.has("responses") && type != LlmConfig.Type.OPENAI && !scripted) {
            section.problem("responses", "is for `type: openai` alone; remove it");
        }
        return new LlmConfig.Provider(
                name,
                type,
                scripted ? "" : baseUrl(section, type),
                section.section("apiKey", KEY).map(key -> key(key, directory)).orElse(new LlmConfig.Key.None()),
                file(section, "script", directory),
                section.bool("responses", true),
                headers(section),
                section.section("timeouts", TIMEOUTS)
                        .map(LlmConfigSection::timeouts)
                        .orElse(LlmConfig.Timeouts.DEFAULT),
                section.section("retries", RETRIES)
                        .map(LlmConfigSection::retries)
                        .orElse(LlmConfig.Retries.DEFAULT),
                section.integer("concurrency", 1, MAX_CONCURRENCY, LlmConfig.Provider.CONCURRENCY));
    }

    private static String baseUrl(Section section, LlmConfig.Type type) {
        String url = section.string("baseUrl").orElse(URLS.getOrDefault(type, ""));
        try {
            URI uri = new URI(url);
            boolean http = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
            if (uri.getUserInfo() != null) {
                section.problem(
                        "baseUrl", "holds a user or a password; no secret stands in this file, name it under `apiKey`");
            } else if (!http || uri.getHost() == null || uri.getQuery() != null || uri.getFragment() != null) {
                section.problem(
                        "baseUrl",
                        "is " + Problems.quote(url)
                                + "; expected http:// or https:// with a host and no query, such as `https://api.openai.com`");
            }
        } catch (URISyntaxException e) {
            section.problem("baseUrl", "is " + Problems.quote(url) + ", which is no URL: " + e.getReason());
        }
        return url;
    }

    static LlmConfig.Key key(Section section, @Nullable Path directory) {
        long named =
                List.of("env", "file", "secret").stream().filter(section::has).count();
        if (named != 1) {
            section.problem(
                    "env",
                    (named == 0 ? "is missing; " : "stands beside another source; ")
                            + "name one of `env: NAME`, `file: PATH`, `secret: NAME`");
            return new LlmConfig.Key.None();
        }
        Optional<LlmConfig.Key> env = section.string("env")
                .filter(name -> fits(section, "env", Names.wrongEnvName(name)))
                .map(LlmConfig.Key.Environment::new);
        Optional<LlmConfig.Key> secret = section.string("secret")
                .filter(name -> fits(section, "secret", Names.wrongAgentName(name)))
                .map(LlmConfig.Key.Secret::new);
        if (env.isPresent() || secret.isPresent()) {
            return env.or(() -> secret).orElseThrow();
        }
        String path = file(section, "file", directory);
        return path.isEmpty() ? new LlmConfig.Key.None() : new LlmConfig.Key.KeyFile(path);
    }

    private static boolean fits(Section section, String key, Optional<String> wrong) {
        wrong.ifPresent(message -> section.problem(key, message));
        return wrong.isEmpty();
    }

    private static String file(Section section, String key, @Nullable Path directory) {
        return section.string(key)
                .flatMap(path -> Paths.hostPath(path, directory, message -> section.problem(key, message)))
                .orElse("");
    }

    private static Map<String, String> headers(Section section) {
        Map<String, String> headers = section.map("headers", MAX_HEADERS, true, name -> {
            if (NOT_HEADERS.contains(name.toLowerCase(Locale.ROOT))) {
                return "is set by the gateway; a key is named under `apiKey`";
            }
            return HEADER.matcher(name).matches()
                    ? null
                    : "is not the name of a header; allowed are letters, digits and -";
        });
        headers.forEach((name, value) -> {
            if (value.chars().anyMatch(c -> c < ' ' || c > '~')) {
                section.problem("headers", "has a value with control characters or outside of ASCII: " + name);
            }
        });
        return headers;
    }

    private static LlmConfig.Timeouts timeouts(Section section) {
        LlmConfig.Timeouts otherwise = LlmConfig.Timeouts.DEFAULT;
        return new LlmConfig.Timeouts(
                section.duration("connect", SHORTEST, LONGEST, otherwise.connect()),
                section.duration("firstByte", SHORTEST, LONGEST, otherwise.firstByte()),
                section.duration("idle", SHORTEST, LONGEST, otherwise.idle()),
                section.duration("queue", SHORTEST, LONGEST, otherwise.queue()));
    }

    private static LlmConfig.Retries retries(Section section) {
        LlmConfig.Retries otherwise = LlmConfig.Retries.DEFAULT;
        return new LlmConfig.Retries(
                section.integer("attempts", 1, MAX_ATTEMPTS, otherwise.attempts()),
                section.duration("delay", SHORTEST, LONGEST, otherwise.delay()),
                section.duration("maxDelay", SHORTEST, LONGEST, otherwise.maxDelay()));
    }

    private static Map<String, LlmConfig.Type> types() {
        Map<String, LlmConfig.Type> types = new LinkedHashMap<>();
        for (LlmConfig.Type type : LlmConfig.Type.values()) {
            types.put(type.name().toLowerCase(Locale.ROOT), type);
        }
        return types;
    }
}
