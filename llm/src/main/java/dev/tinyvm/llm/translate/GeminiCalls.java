package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/** The calls of a Gemini conversation and who answers them. Gemini's clients may leave ids out: then a response answers the first open call of its function. For one request. */
final class GeminiCalls {
    private final Map<String, Deque<String>> open = new HashMap<>();
    private int number;

    /** The id of a call. */
    String called(JsonNode call) {
        String id = Json.string(call, "id").isEmpty() ? "call_" + ++number : Json.string(call, "id");
        open.computeIfAbsent(Json.string(call, "name"), name -> new ArrayDeque<>())
                .add(id);
        return id;
    }

    /**
     * The id of the call that this response answers.
     *
     * @throws LlmException there is none
     */
    String answered(JsonNode response) {
        String name = Json.string(response, "name");
        String id = Json.string(response, "id");
        Deque<String> waiting = open.getOrDefault(name, new ArrayDeque<>());
        if (!id.isEmpty()) {
            waiting.remove(id);
            return id;
        }
        String first = waiting.poll();
        if (first == null) {
            throw new LlmException(
                    LlmException.Kind.INVALID, "a response of the function '" + name + "' answers no call before it");
        }
        return first;
    }
}
