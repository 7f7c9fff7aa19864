package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** A call's arguments: Chat Completions writes them as a text, which a model may have got wrong; the others as an object. */
final class Arguments {
    private Arguments() {}

    /**
     * Of a call that the model makes now.
     *
     * @param cut whether the answer was cut off at its bound of tokens
     * @return empty: the call is not whole, and must not be carried out
     * @throws LlmException they are no object, so that nobody may guess what was meant
     */
    static Optional<ObjectNode> made(String function, String text, boolean cut) {
        if (text.isBlank()) {
            return Optional.of(Json.object());
        }
        if (Json.parse(text) instanceof ObjectNode object) {
            return Optional.of(object);
        }
        if (cut) {
            return Optional.empty();
        }
        throw new LlmException(
                LlmException.Kind.UPSTREAM,
                "the model called '" + function + "' with arguments that are no JSON object; ask it again");
    }

    /** Of a call in the conversation so far. What is no object is told as it was, under a name that says so: the model is to see its mistake. */
    static ObjectNode told(String text) {
        if (text.isBlank()) {
            return Json.object();
        }
        JsonNode parsed = Json.parse(text);
        return parsed instanceof ObjectNode object ? object : Json.object().put("invalid_json", text);
    }
}
