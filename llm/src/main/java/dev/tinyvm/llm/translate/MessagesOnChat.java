package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** An Anthropic client on a provider that speaks OpenAI Chat Completions. What has no counterpart there (thinking, cache marks, {@code top_k}) is left out. */
final class MessagesOnChat implements Translation {
    @Override
    public byte[] request(byte[] body, String model, boolean streams) {
        JsonNode from = Json.parse(body);
        if (from == null || !from.path("messages").isArray()) {
            throw new LlmException(LlmException.Kind.INVALID, "the request has no list \"messages\"");
        }
        ObjectNode to = Json.object().put("model", model);
        ArrayNode messages = to.putArray("messages");
        String system = text(from.path("system"));
        if (!system.isEmpty()) {
            messages.addObject().put("role", "system").put("content", system);
        }
        from.path("messages").forEach(message -> add(messages, message));
        copy(from, "max_tokens", to, "max_tokens");
        copy(from, "temperature", to, "temperature");
        copy(from, "top_p", to, "top_p");
        copy(from, "stop_sequences", to, "stop");
        tools(from, to);
        if (streams) {
            to.put("stream", true).putObject("stream_options").put("include_usage", true);
        }
        return Json.bytes(to);
    }

    @Override
    public EventStream stream() {
        return new MessagesOnChatStream();
    }

    @Override
    public byte[] answer(byte[] body) {
        JsonNode from = Json.parse(body);
        JsonNode choice = from == null ? null : from.path("choices").path(0);
        if (from == null || choice == null || !choice.path("message").isObject()) {
            throw new LlmException(LlmException.Kind.UPSTREAM, "the provider's answer is not a chat completion");
        }
        ObjectNode to = head(from);
        ArrayNode content = to.putArray("content");
        JsonNode message = choice.path("message");
        String said = Json.string(message, "content");
        if (!said.isEmpty()) {
            content.addObject().put("type", "text").put("text", said);
        }
        for (JsonNode call : message.path("tool_calls")) {
            JsonNode function = call.path("function");
            JsonNode input = Json.parse(Json.string(function, "arguments"));
            ObjectNode block = content.addObject().put("type", "tool_use").put("id", Json.string(call, "id"));
            block.put("name", Json.string(function, "name"));
            block.set("input", input == null || !input.isObject() ? Json.object() : input);
        }
        to.put("stop_reason", stopReason(Json.string(choice, "finish_reason")));
        to.set("usage", usage(from.path("usage")));
        return Json.bytes(to);
    }

    /** A message's own fields, without content. */
    static ObjectNode head(JsonNode from) {
        ObjectNode to = Json.object().put("id", Json.string(from, "id")).put("type", "message");
        to.put("role", "assistant").put("model", Json.string(from, "model"));
        to.putArray("content");
        return to.putNull("stop_reason").putNull("stop_sequence");
    }

    static ObjectNode usage(JsonNode usage) {
        long cached = Json.count(usage.path("prompt_tokens_details"), "cached_tokens");
        return Json.object()
                .put("input_tokens", Math.max(0, Json.count(usage, "prompt_tokens") - cached))
                .put("cache_creation_input_tokens", 0)
                .put("cache_read_input_tokens", cached)
                .put("output_tokens", Json.count(usage, "completion_tokens"));
    }

    static String stopReason(String finish) {
        return switch (finish) {
            case "tool_calls", "function_call" -> "tool_use";
            case "length" -> "max_tokens";
            case "content_filter" -> "refusal";
            default -> "end_turn";
        };
    }

    private static void add(ArrayNode messages, JsonNode message) {
        String role = Json.string(message, "role");
        if (message.path("content").isString()) {
            messages.addObject().put("role", role).put("content", Json.string(message, "content"));
            return;
        }
        List<ObjectNode> parts = new ArrayList<>();
        ArrayNode calls = Json.array();
        for (JsonNode block : message.path("content")) {
            switch (Json.string(block, "type")) {
                case "text" -> parts.add(Json.object().put("type", "text").put("text", Json.string(block, "text")));
                case "image" -> parts.add(image(block.path("source")));
                case "tool_use" -> {
                    ObjectNode call = calls.addObject()
                            .put("id", Json.string(block, "id"))
                            .put("type", "function");
                    call.putObject("function")
                            .put("name", Json.string(block, "name"))
                            .put(
                                    "arguments",
                                    Json.text(block.path("input").isObject() ? block.path("input") : Json.object()));
                }
                case "tool_result" ->
                    messages.addObject()
                            .put("role", "tool")
                            .put("tool_call_id", Json.string(block, "tool_use_id"))
                            .put("content", text(block.path("content")));
                case "thinking", "redacted_thinking" -> {
                    // The provider's own model did not think it.
                }
                default ->
                    throw new LlmException(
                            LlmException.Kind.INVALID,
                            "content of type '" + Json.string(block, "type")
                                    + "' cannot be told to an OpenAI provider; call a model of an Anthropic provider");
            }
        }
        if (parts.isEmpty() && calls.isEmpty()) {
            return;
        }
        ObjectNode to = messages.addObject().put("role", role);
        if (role.equals("assistant") || parts.isEmpty()) {
            StringBuilder said = new StringBuilder();
            parts.forEach(part -> said.append(Json.string(part, "text")));
            if (said.isEmpty()) {
                to.putNull("content");
            } else {
                to.put("content", said.toString());
            }
        } else {
            to.set("content", Json.array(parts));
        }
        if (!calls.isEmpty()) {
            to.set("tool_calls", calls);
        }
    }

    private static ObjectNode image(JsonNode source) {
        String url = Json.string(source, "type").equals("base64")
                ? "data:" + Json.string(source, "media_type") + ";base64," + Json.string(source, "data")
                : Json.string(source, "url");
        ObjectNode part = Json.object().put("type", "image_url");
        part.putObject("image_url").put("url", url);
        return part;
    }

    private static void tools(JsonNode from, ObjectNode to) {
        if (from.path("tools").isEmpty()) {
            return;
        }
        ArrayNode tools = to.putArray("tools");
        for (JsonNode tool : from.path("tools")) {
            String type = Json.string(tool, "type");
            if (!type.isEmpty() && !type.equals("custom")) {
                throw new LlmException(
                        LlmException.Kind.INVALID,
                        "the tool '" + type
                                + "' runs at Anthropic itself; use a model of an Anthropic provider, or a tool of your own");
            }
            ObjectNode function = tools.addObject().put("type", "function").putObject("function");
            function.put("name", Json.string(tool, "name")).put("description", Json.string(tool, "description"));
            copy(tool, "input_schema", function, "parameters");
        }
        JsonNode choice = from.path("tool_choice");
        if (choice.path("disable_parallel_tool_use").asBoolean(false)) {
            to.put("parallel_tool_calls", false);
        }
        switch (Json.string(choice, "type")) {
            case "any" -> to.put("tool_choice", "required");
            case "none" -> to.put("tool_choice", "none");
            case "tool" ->
                to.putObject("tool_choice")
                        .put("type", "function")
                        .putObject("function")
                        .put("name", Json.string(choice, "name"));
            default -> to.put("tool_choice", "auto");
        }
    }

    private static void copy(JsonNode from, String name, ObjectNode to, String as) {
        if (from.has(name)) {
            to.set(as, from.path(name));
        }
    }

    /** A string, or the texts of a list of blocks. */
    private static String text(JsonNode node) {
        if (node.isString()) {
            return node.stringValue();
        }
        List<String> texts = new ArrayList<>();
        node.forEach(block -> texts.add(Json.string(block, "text")));
        return String.join("\n", texts);
    }
}
