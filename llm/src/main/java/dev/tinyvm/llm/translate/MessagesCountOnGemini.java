package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Anthropic's {@code count_tokens} on Gemini's {@code countTokens}. */
final class MessagesCountOnGemini implements Translation {
    private final Translation talk = new TwoSteps(new MessagesOnChat("max_tokens"), new ChatOnGemini());

    @Override
    public byte[] request(byte[] body, String model, boolean streams) {
        if (!(Json.parse(talk.request(body, model, false)) instanceof ObjectNode asked)) {
            throw new IllegalStateException("a translation that is no object");
        }
        ObjectNode to = Json.object();
        to.set("generateContentRequest", asked.put("model", "models/" + model));
        return Json.bytes(to);
    }

    @Override
    public byte[] answer(byte[] body) {
        JsonNode from = Json.parse(body);
        if (from == null || !from.path("totalTokens").isNumber()) {
            throw new LlmException(LlmException.Kind.UPSTREAM, "the provider's answer is no count of tokens");
        }
        return Json.bytes(Json.object().put("input_tokens", Json.count(from, "totalTokens")));
    }

    @Override
    public EventStream stream() {
        throw new IllegalStateException("counts are not streamed");
    }
}
