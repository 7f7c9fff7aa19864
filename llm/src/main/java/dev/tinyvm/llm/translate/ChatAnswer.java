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

    static ObjectNode usage(long input, long cached, long output) {
        ObjectNode usage = Json.object()
                .put("prompt_tokens", input)
                .put("completion_tokens", output)
                .put("total_tokens", input + output);
        usage.putObject("prompt_tokens_details").put("cached_tokens", cached);
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

    static byte[] error(String message) {
        ObjectNode body = Json.object();
        body.putObject("error")
                .put("message", message)
                .put("type", "server_error")
                .putNull("param")
                .putNull("code");
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
