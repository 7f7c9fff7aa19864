package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.UsageTap;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * A guess at a prompt's tokens, for providers that cannot be asked: a quarter of the bytes of all that a model reads (words, names and descriptions of tools, schemas, arguments and results), four for each message, {@link #PICTURE} for a picture.
 * English text comes out within about a fifth, code and other languages less well.
 */
public final class TokenEstimate {
    /** A picture of a megapixel, about as Anthropic and OpenAI count it. */
    static final int PICTURE = 1_000;

    private static final int MESSAGE = 4;

    /** What tunes, names or tells kinds apart, and is not read. */
    private static final Set<String> NOT_READ = Set.of(
            "model",
            "role",
            "type",
            "id",
            "tool_call_id",
            "tool_choice",
            "response_format",
            "stream",
            "parallel_tool_calls");

    private TokenEstimate() {}

    /**
     * The answer to a client's count.
     *
     * @param dialect Anthropic's or Gemini's
     * @throws dev.tinyvm.llm.wire.LlmException the request is none
     */
    public static byte[] answer(Dialect dialect, byte[] body) {
        if (dialect == Dialect.ANTHROPIC) {
            return Json.bytes(
                    Json.object().put("input_tokens", of(new MessagesOnChat("max_tokens").request(body, "m", false))));
        }
        byte[] asked = GeminiCountOnMessages.asked(body);
        return Json.bytes(
                Json.object().put("totalTokens", of(new GeminiOnChat("max_tokens").request(asked, "m", false))));
    }

    private static long of(byte[] chat) {
        JsonNode request = Json.parse(chat);
        if (request == null) {
            throw new IllegalStateException("a translation that is no JSON");
        }
        long[] pictures = {0};
        long bytes = read(request, pictures);
        return bytes / UsageTap.BYTES_PER_TOKEN
                + (long) MESSAGE * request.path("messages").size()
                + pictures[0] * PICTURE;
    }

    /** In bytes. */
    private static long read(JsonNode node, long[] pictures) {
        if (node.isString()) {
            return node.stringValue().getBytes(StandardCharsets.UTF_8).length;
        }
        if (node.has("image_url")) {
            pictures[0]++;
            return 0;
        }
        if (node.has("parameters")) {
            return (long) Json.bytes(node.path("parameters")).length
                    + Json.string(node, "name").length()
                    + Json.string(node, "description").getBytes(StandardCharsets.UTF_8).length;
        }
        long[] bytes = {0};
        if (node.isObject()) {
            node.forEachEntry((name, value) -> bytes[0] += NOT_READ.contains(name) ? 0 : read(value, pictures));
        } else {
            node.forEach(each -> bytes[0] += read(each, pictures));
        }
        return bytes[0];
    }
}
