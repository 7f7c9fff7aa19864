package dev.tinyvm.llm;

import dev.tinyvm.llm.http.Answer;
import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Endpoint;
import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import java.io.IOException;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The models that a caller may use and that the configuration names, in the client's dialect. A pattern names none. */
final class ModelList {
    private ModelList() {}

    static void answer(GatewayConfig config, Endpoint endpoint, List<Allowance> allowances, Answer answer)
            throws IOException {
        List<String> names = config.routes().stream()
                .map(Route::model)
                .filter(Glob::isName)
                .map(Glob::pattern)
                .filter(name -> allowances.stream()
                        .allMatch(allowance -> allowance.models().stream().anyMatch(glob -> glob.matches(name))))
                .distinct()
                .toList();
        ObjectNode body;
        if (endpoint.model().isEmpty()) {
            body = list(endpoint.dialect(), names);
        } else if (names.contains(endpoint.model())) {
            body = model(endpoint.dialect(), endpoint.model());
        } else {
            throw new LlmException(
                    LlmException.Kind.NOT_FOUND,
                    "the configuration names no model '" + endpoint.model() + "' that you may use");
        }
        byte[] bytes = Json.bytes(body);
        answer.begin(
                200, Headers.of("Content-Type", "application/json", "Content-Length", Integer.toString(bytes.length)));
        answer.write(bytes, 0, bytes.length);
        answer.end();
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
