package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Gemini's {@code countTokens} on Anthropic's {@code count_tokens}. */
final class GeminiCountOnMessages implements Translation {
    /** What Anthropic takes for a count. */
    private static final List<String> COUNTED =
            List.of("model", "messages", "system", "tools", "tool_choice", "output_config");

    private final Translation talk = new TwoSteps(new GeminiOnChat("max_tokens"), new ChatOnMessages());

    @Override
    public byte[] request(byte[] body, String model, boolean streams) {
        if (!(Json.parse(talk.request(asked(body), model, false)) instanceof ObjectNode to)) {
            throw new IllegalStateException("a translation that is no object");
        }
        return Json.bytes(to.retain(COUNTED));
    }

    /** The request itself, which may be wrapped. */
    static byte[] asked(byte[] body) {
        JsonNode written = Json.parse(body);
        JsonNode from = written == null ? Json.object() : GeminiNames.camel(written);
        return Json.bytes(from.path("generateContentRequest").isObject() ? from.path("generateContentRequest") : from);
    }

    @Override
    public byte[] answer(byte[] body) {
        JsonNode from = Json.parse(body);
        if (from == null || !from.path("input_tokens").isNumber()) {
            throw new LlmException(LlmException.Kind.UPSTREAM, "the provider's answer is no count of tokens");
        }
        return Json.bytes(Json.object().put("totalTokens", Json.count(from, "input_tokens")));
    }

    @Override
    public EventStream stream() {
        throw new IllegalStateException("counts are not streamed");
    }
}
