package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The words of Chat Completions' answers. */
final class ChatAnswer {
    static final byte[] DONE = "data: [DONE]\n\n".getBytes(StandardCharsets.UTF_8);

    private ChatAnswer() {}

    static byte[] plain(String id, String model, String said, ArrayNode calls, String finish, ObjectNode usage) {
        ObjectNode body = head(id, model, "chat.completion");
        ObjectNode choice = body.putArray("choices").addObject().put("index", 0);
        ObjectNode message = choice.putObject("message").put("role", "assistant");
        if (said.isEmpty()) {
            message.putNull("content");
        } else {
            message.put("content", said);
        }
        message.putNull("refusal");
        if (!calls.isEmpty()) {
            message.set("tool_calls", calls);
        }
        choice.putNull("logprobs").put("finish_reason", finish);
        body.set("usage", usage);
        return Json.bytes(body);
    }

    static ObjectNode call(String id, String name, String arguments) {
        ObjectNode call = Json.object().put("id", id).put("type", "function");
        call.putObject("function").put("name", name).put("arguments", arguments);
        return call;
    }

    /** What an answer or a part of one says. Its text may be a string or a list of parts, beside which some servers put thoughts; a refusal stands apart at OpenAI, and is words as well. */
    static String said(JsonNode message) {
        JsonNode content = message.path("content");
        StringBuilder said = new StringBuilder(Json.string(message, "content"));
        for (JsonNode part : content) {
            said.append(Json.string(part, "text")).append(Json.string(part, "refusal"));
        }
        return said.append(Json.string(message, "refusal")).toString();
    }

    static boolean isRefusal(JsonNode message) {
        return !Json.string(message, "refusal").isEmpty();
    }

    /** @param reasoning a part of the output */
    static ObjectNode usage(long input, long cached, long output, long reasoning) {
        ObjectNode usage = Json.object()
                .put("prompt_tokens", input)
                .put("completion_tokens", output)
                .put("total_tokens", input + output);
        usage.putObject("prompt_tokens_details").put("cached_tokens", cached);
        usage.putObject("completion_tokens_details").put("reasoning_tokens", reasoning);
        return usage;
    }

    static byte[] chunk(String id, String model, ObjectNode delta, String finish) {
        ObjectNode body = head(id, model, "chat.completion.chunk");
        ObjectNode choice = body.putArray("choices").addObject().put("index", 0);
        choice.set("delta", delta);
        if (finish.isEmpty()) {
            choice.putNull("finish_reason");
        } else {
            choice.put("finish_reason", finish);
        }
        return event(body);
    }

    static byte[] usageChunk(String id, String model, ObjectNode usage) {
        ObjectNode body = head(id, model, "chat.completion.chunk");
        body.putArray("choices");
        body.set("usage", usage);
        return event(body);
    }

    private static ObjectNode head(String id, String model, String object) {
        return Json.object()
                .put("id", id)
                .put("object", object)
                .put("created", Instant.now().getEpochSecond())
                .put("model", model);
    }

    static byte[] event(JsonNode body) {
        return ("data: " + Json.text(body) + "\n\n").getBytes(StandardCharsets.UTF_8);
    }
}
