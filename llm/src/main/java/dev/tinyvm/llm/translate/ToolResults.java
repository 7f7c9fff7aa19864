package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The results of a chat's tools on their way to Gemini. There they answer calls by name and order, so those of one answer are given in the order of its calls, whatever order they came in. For one request.
 */
final class ToolResults {
    private final ChatRequest from;
    private final Map<String, String> names = new HashMap<>();
    private final Map<String, Integer> order = new LinkedHashMap<>();
    private final TreeMap<Integer, JsonNode> waiting = new TreeMap<>();

    ToolResults(ChatRequest from) {
        this.from = from;
    }

    /** The model called a function. */
    void called(String id, String name) {
        names.put(id, name);
        order.put(id, order.size());
    }

    /**
     * A message of a tool.
     *
     * @throws LlmException it answers no call
     */
    void add(JsonNode message) {
        String id = Json.string(message, "tool_call_id");
        Integer place = order.get(id);
        if (place == null) {
            throw new LlmException(
                    LlmException.Kind.INVALID,
                    "a tool message answers the call '" + id + "', which no assistant message before it makes");
        }
        waiting.put(place, message);
    }

    /** All that came are told, pictures behind them. */
    void flush(ArrayNode contents) {
        if (waiting.isEmpty()) {
            return;
        }
        ArrayNode parts = ChatOnGemini.parts(contents, "user");
        ArrayNode pictures = Json.array();
        for (JsonNode message : waiting.values()) {
            StringBuilder said = new StringBuilder(Json.string(message, "content"));
            for (JsonNode part : message.path("content")) {
                switch (Json.string(part, "type")) {
                    case "text" -> said.append(Json.string(part, "text"));
                    case "image_url" -> ChatOnGemini.image(pictures, part, from);
                    default -> throw from.refusedPart(part);
                }
            }
            ObjectNode response = parts.addObject()
                    .putObject("functionResponse")
                    .put("name", names.getOrDefault(Json.string(message, "tool_call_id"), ""));
            if (Json.parse(said.toString()) instanceof ObjectNode object) {
                response.set("response", object);
            } else {
                response.putObject("response").put("result", said.toString());
            }
        }
        parts.addAll(pictures);
        waiting.clear();
    }
}
