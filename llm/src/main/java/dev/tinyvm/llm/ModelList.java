package dev.tinyvm.llm;

import dev.tinyvm.llm.http.Answer;
import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Endpoint;
import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The models that a caller may use, in the client's dialect: those that the configuration names, and those of providers that its patterns lead to. */
final class ModelList {
    private ModelList() {}

    /** @throws InterruptedException the client has gone */
    static void answer(
            GatewayConfig config, ProviderModels models, Endpoint endpoint, List<Allowance> allowances, Answer answer)
            throws IOException, InterruptedException {
        List<String> names = names(config, models).stream()
                .filter(name -> allowances.stream()
                        .allMatch(allowance -> allowance.models().stream().anyMatch(glob -> glob.matches(name))))
                .toList();
        ObjectNode body;
        if (endpoint.model().isEmpty()) {
            body = list(endpoint.dialect(), names);
        } else if (names.contains(endpoint.model())) {
            body = model(endpoint.dialect(), endpoint.model());
        } else {
            throw new LlmException(
                    LlmException.Kind.NOT_FOUND, "there is no model '" + endpoint.model() + "' that you may use");
        }
        byte[] bytes = Json.bytes(body);
        answer.begin(
                200, Headers.of("Content-Type", "application/json", "Content-Length", Integer.toString(bytes.length)));
        answer.write(bytes, 0, bytes.length);
        answer.end();
    }

    /** A route's own name, or the models of its first provider that its pattern leads to. */
    private static List<String> names(GatewayConfig config, ProviderModels models) throws InterruptedException {
        Set<String> names = new LinkedHashSet<>();
        for (Route route : config.routes()) {
            Route.Target first = route.targets().getFirst();
            if (route.model().isName()) {
                names.add(route.model().pattern());
            } else if (first.model().isEmpty()) {
                for (String name : models.of(first.provider())) {
                    // One that another route takes is that route's.
                    if (config.route(name).filter(route::equals).isPresent()) {
                        names.add(name);
                    }
                }
            }
        }
        return List.copyOf(names);
    }

    private static ObjectNode list(Dialect dialect, List<String> names) {
        ArrayNode models =
                Json.array(names.stream().map(name -> model(dialect, name)).toList());
        ObjectNode body = Json.object();
        switch (dialect) {
            case OPENAI -> body.put("object", "list").set("data", models);
            case ANTHROPIC -> {
                body.set("data", models);
                body.put("has_more", false);
                body.put("first_id", names.isEmpty() ? null : names.getFirst());
                body.put("last_id", names.isEmpty() ? null : names.getLast());
            }
            case GEMINI -> body.set("models", models);
        }
        return body;
    }

    private static ObjectNode model(Dialect dialect, String name) {
        ObjectNode model = Json.object();
        return switch (dialect) {
            case OPENAI ->
                model.put("id", name).put("object", "model").put("created", 0).put("owned_by", "tinyvm");
            case ANTHROPIC ->
                model.put("type", "model")
                        .put("id", name)
                        .put("display_name", name)
                        .put("created_at", "1970-01-01T00:00:00Z");
            case GEMINI -> model.put("name", "models/" + name).put("displayName", name);
        };
    }
}
