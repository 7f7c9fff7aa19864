package dev.tinyvm.llm;

import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Json;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;

/** Which models providers say they have: asked when somebody wants to know, and known for {@link #FRESH}. A provider that does not answer has none for that time. Thread-safe. */
final class ProviderModels {
    private static final Logger log = LoggerFactory.getLogger(ProviderModels.class);
    private static final Duration FRESH = Duration.ofMinutes(5);
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final int MOST_BYTES = 4 << 20;

    private final Map<String, Upstream> upstreams;
    private final Map<String, Known> known = new ConcurrentHashMap<>();

    /** @param upstreams by the providers' names */
    ProviderModels(Map<String, Upstream> upstreams) {
        this.upstreams = upstreams;
    }

    private record Known(long atNanos, List<String> names) {}

    /** @throws InterruptedException the client has gone */
    List<String> of(String provider) throws InterruptedException {
        Known before = known.get(provider);
        if (before != null && System.nanoTime() - before.atNanos < FRESH.toNanos()) {
            return before.names;
        }
        Upstream upstream = upstreams.get(provider);
        List<String> names = upstream == null ? List.of() : ask(upstream);
        known.put(provider, new Known(System.nanoTime(), names));
        return names;
    }

    private static List<String> ask(Upstream upstream) throws InterruptedException {
        Dialect dialect = upstream.provider().dialects().getFirst();
        String target = switch (dialect) {
            case OPENAI -> "/v1/models";
            case ANTHROPIC -> "/v1/models?limit=1000";
            case GEMINI -> "/v1beta/models?pageSize=1000";
        };
        try (Upstream.Reply reply = upstream.send(dialect, "GET", target, Headers.none(), new byte[0], PATIENCE)) {
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            byte[] part = reply.body().next(PATIENCE);
            while (part != null && body.size() <= MOST_BYTES) {
                body.writeBytes(part);
                part = reply.body().next(PATIENCE);
            }
            JsonNode list = Json.parse(body.toByteArray());
            if (reply.status() != 200 || list == null || part != null) {
                log.warn(
                        "provider '{}' does not list its models: status {}",
                        upstream.provider().name(),
                        reply.status());
                return List.of();
            }
            return names(dialect, list);
        } catch (IOException e) {
            log.warn(
                    "provider '{}' does not list its models: {}",
                    upstream.provider().name(),
                    e.getMessage());
            return List.of();
        }
    }

    private static List<String> names(Dialect dialect, JsonNode list) {
        List<String> names = new ArrayList<>();
        for (JsonNode model : list.path(dialect == Dialect.GEMINI ? "models" : "data")) {
            String name = Json.string(model, dialect == Dialect.GEMINI ? "name" : "id");
            names.add(name.startsWith("models/") ? name.substring("models/".length()) : name);
        }
        names.removeIf(String::isEmpty);
        return List.copyOf(names);
    }
}
