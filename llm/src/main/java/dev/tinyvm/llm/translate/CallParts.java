package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import java.util.HashMap;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * Tells the calls of a streamed chat completion apart. Most servers number them by {@code index}; some give each the index 0 and an id of its own, and some send the id again with every part. For one answer, on one thread.
 */
final class CallParts {
    private final Map<String, Integer> byId = new HashMap<>();
    private final Map<Integer, Integer> byIndex = new HashMap<>();
    private int count;

    /** Which call this part belongs to, counted from 0 in the order in which they began. */
    int number(JsonNode part) {
        int index = part.path("index").asInt(0);
        String id = Json.string(part, "id");
        Integer known = id.isEmpty() ? byIndex.get(index) : byId.get(id);
        int number = known == null ? count++ : known;
        byIndex.put(index, number);
        if (!id.isEmpty()) {
            byId.put(id, number);
        }
        return number;
    }

    /** The id of a call by its first part; one of our own where the server gives none. */
    static String id(JsonNode first, int number) {
        String id = Json.string(first, "id");
        return id.isEmpty() ? newId(number) : id;
    }

    /** An id that no other answer of this conversation has. */
    static String newId(int number) {
        return "call_" + Long.toHexString(System.nanoTime()) + "_" + number;
    }

    /** For formats that end one call before the next begins. */
    static LlmException late() {
        return new LlmException(
                LlmException.Kind.UPSTREAM,
                "the provider mixed the parts of parallel calls, which a stream of this format cannot tell; ask without a stream");
    }
}
