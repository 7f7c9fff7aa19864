package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import java.time.Instant;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The words of the Responses API's answers, for one response. */
final class ResponseWords {
    private final String id;
    private final String model;
    private final long created = Instant.now().getEpochSecond();

    /** @param id of the chat completion */
    ResponseWords(String id, String model) {
        this.id = id;
        this.model = model;
    }

    /** By the reason for which the chat ended. */
    static String status(String finish) {
        return finish.equals("length") || finish.equals("content_filter") ? "incomplete" : "completed";
    }

    /** @param finish the reason for which the chat ended; empty: it has not */
    ObjectNode response(String status, String finish, ArrayNode output, JsonNode usage) {
        ObjectNode body = Json.object().put("id", "resp_" + id).put("object", "response");
        body.put("created_at", created).put("status", status).putNull("error");
        if (status.equals("incomplete")) {
            body.putObject("incomplete_details")
                    .put("reason", finish.equals("length") ? "max_output_tokens" : "content_filter");
        } else {
            body.putNull("incomplete_details");
        }
        body.putNull("instructions").put("model", model).set("output", output);
        body.put("parallel_tool_calls", true).putNull("previous_response_id");
        body.putNull("temperature").putNull("top_p").put("tool_choice", "auto").putArray("tools");
        body.putObject("metadata");
        if (usage.isObject()) {
            ObjectNode told = body.putObject("usage").put("input_tokens", Json.count(usage, "prompt_tokens"));
            told.putObject("input_tokens_details")
                    .put("cached_tokens", Json.count(usage.path("prompt_tokens_details"), "cached_tokens"));
            told.put("output_tokens", Json.count(usage, "completion_tokens"));
            told.putObject("output_tokens_details")
                    .put("reasoning_tokens", Json.count(usage.path("completion_tokens_details"), "reasoning_tokens"));
            told.put("total_tokens", Json.count(usage, "prompt_tokens") + Json.count(usage, "completion_tokens"));
        } else {
            body.putNull("usage");
        }
        return body;
    }

    /** @param said empty: nothing yet */
    ObjectNode message(int index, String said, String status) {
        ObjectNode item = Json.object().put("type", "message").put("id", itemId("msg", index));
        item.put("status", status).put("role", "assistant");
        ArrayNode content = item.putArray("content");
        if (!said.isEmpty()) {
            content.add(text(said));
        }
        return item;
    }

    ObjectNode call(int index, String callId, String name, String arguments, String status) {
        return Json.object()
                .put("type", "function_call")
                .put("id", itemId("fc", index))
                .put("call_id", callId)
                .put("name", name)
                .put("arguments", arguments)
                .put("status", status);
    }

    static ObjectNode text(String said) {
        ObjectNode part = Json.object().put("type", "output_text").put("text", said);
        part.putArray("annotations");
        part.putArray("logprobs");
        return part;
    }

    String itemId(String kind, int index) {
        return kind + "_" + id + "_" + index;
    }
}
