package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * An OpenAI Chat Completions client on a provider that speaks Anthropic's Messages. What only tunes the model (penalties, seed, reasoning effort, logit bias) is left out; what changes the answer's form is refused.
 */
final class ChatOnMessages implements Translation {
    /** Anthropic wants a bound; every model of theirs takes this one. */
    static final int MAX_TOKENS = 4096;

    @Override
    public byte[] request(byte[] body, String model, boolean streams) {
        ChatRequest from = ChatRequest.read(body, "an Anthropic provider");
        ObjectNode to = Json.object().put("model", model);
        JsonNode most = from.maxTokens();
        if (most.isNumber()) {
            to.set("max_tokens", most);
        } else {
            to.put("max_tokens", MAX_TOKENS);
        }
        String system = from.system();
        if (!system.isEmpty()) {
            to.put("system", system);
        }
        ArrayNode messages = to.putArray("messages");
        for (JsonNode message : from.json().path("messages")) {
            add(messages, message, from);
        }
        JsonNode temperature = from.json().path("temperature");
        if (temperature.isNumber()) {
            to.put("temperature", Math.min(1.0, temperature.asDouble(1)));
        }
        if (from.json().path("top_p").isNumber()) {
            to.set("top_p", from.json().path("top_p"));
        }
        ArrayNode stop = from.stop();
        if (!stop.isEmpty()) {
            to.set("stop_sequences", stop);
        }
        String user = Json.string(from.json(), "user");
        if (!user.isEmpty()) {
            to.putObject("metadata").put("user_id", user);
        }
        format(from, to);
        tools(from, to);
        if (streams) {
            to.put("stream", true);
        }
        return Json.bytes(to);
    }

    @Override
    public byte[] answer(byte[] body) {
        JsonNode from = Json.parse(body);
        if (from == null || !from.path("content").isArray()) {
            throw new LlmException(LlmException.Kind.UPSTREAM, "the provider's answer is not a message");
        }
        StringBuilder said = new StringBuilder();
        ArrayNode calls = Json.array();
        for (JsonNode block : from.path("content")) {
            switch (Json.string(block, "type")) {
                case "text" -> said.append(Json.string(block, "text"));
                case "tool_use" ->
                    calls.add(ChatAnswer.call(
                            Json.string(block, "id"), Json.string(block, "name"), Json.text(block.path("input"))));
                default -> {
                    // Thinking, and what ran at the provider: nothing that a chat shows.
                }
            }
        }
        return ChatAnswer.plain(
                Json.string(from, "id"),
                Json.string(from, "model"),
                said.toString(),
                calls,
                finish(Json.string(from, "stop_reason")),
                usage(from.path("usage")));
    }

    @Override
    public EventStream stream() {
        return new ChatOnMessagesStream();
    }

    static String finish(String stopReason) {
        return switch (stopReason) {
            case "tool_use" -> "tool_calls";
            case "max_tokens", "model_context_window_exceeded" -> "length";
            case "refusal" -> "content_filter";
            default -> "stop";
        };
    }

    static ObjectNode usage(JsonNode usage) {
        long cached = Json.count(usage, "cache_read_input_tokens");
        long input = Json.count(usage, "input_tokens") + cached + Json.count(usage, "cache_creation_input_tokens");
        return ChatAnswer.usage(input, cached, Json.count(usage, "output_tokens"), 0);
    }

    private static void add(ArrayNode messages, JsonNode message, ChatRequest from) {
        switch (Json.string(message, "role")) {
            case "system", "developer" -> {
                // Stands apart.
            }
            case "user" -> {
                ArrayNode content = content(messages, "user");
                if (message.path("content").isString()) {
                    text(content, Json.string(message, "content"));
                }
                message.path("content").forEach(part -> part(content, part, from));
            }
            case "assistant" -> {
                ArrayNode content = content(messages, "assistant");
                text(content, ChatAnswer.said(message));
                for (JsonNode call : message.path("tool_calls")) {
                    JsonNode function = call.path("function");
                    ObjectNode block =
                            content.addObject().put("type", "tool_use").put("id", Json.string(call, "id"));
                    block.put("name", Json.string(function, "name"));
                    block.set("input", Arguments.told(Json.string(function, "arguments")));
                }
                if (content.isEmpty()) {
                    messages.remove(messages.size() - 1);
                }
            }
            case "tool" -> {
                ObjectNode block = content(messages, "user").addObject().put("type", "tool_result");
                block.put("tool_use_id", Json.string(message, "tool_call_id"));
                if (message.path("content").isString()) {
                    block.set("content", message.path("content"));
                } else {
                    ArrayNode content = block.putArray("content");
                    message.path("content").forEach(part -> part(content, part, from));
                }
            }
            default -> throw from.refused("messages[].role '" + Json.string(message, "role") + "'");
        }
    }

    private static void part(ArrayNode content, JsonNode part, ChatRequest from) {
        switch (Json.string(part, "type")) {
            case "text" -> text(content, Json.string(part, "text"));
            case "image_url" -> content.add(image(from.imageUrl(part)));
            default -> throw from.refusedPart(part);
        }
    }

    /** The content of the last message when it has this role, since all results of one answer's tools belong into one message; else of a new one. */
    private static ArrayNode content(ArrayNode messages, String role) {
        JsonNode last = messages.path(messages.size() - 1);
        if (Json.string(last, "role").equals(role) && last.path("content") instanceof ArrayNode content) {
            return content;
        }
        return messages.addObject().put("role", role).putArray("content");
    }

    private static void text(ArrayNode content, String text) {
        if (!text.isEmpty()) {
            content.addObject().put("type", "text").put("text", text);
        }
    }

    private static ObjectNode image(ChatRequest.Image image) {
        ObjectNode block = Json.object().put("type", "image");
        ObjectNode source = block.putObject("source");
        if (image.base64().isEmpty()) {
            source.put("type", "url").put("url", image.url());
        } else {
            source.put("type", "base64").put("media_type", image.mediaType()).put("data", image.base64());
        }
        return block;
    }

    private static void format(ChatRequest from, ObjectNode to) {
        JsonNode format = from.json().path("response_format");
        switch (Json.string(format, "type")) {
            case "", "text" -> {
                // As it is.
            }
            case "json_schema" ->
                to.putObject("output_config")
                        .putObject("format")
                        .put("type", "json_schema")
                        .set("schema", format.path("json_schema").path("schema"));
            default -> throw from.refused("response_format '" + Json.string(format, "type") + "'");
        }
    }

    private static void tools(ChatRequest from, ObjectNode to) {
        ArrayNode tools = Json.array();
        for (JsonNode function : from.functions()) {
            ObjectNode tool = tools.addObject().put("name", Json.string(function, "name"));
            String description = Json.string(function, "description");
            if (!description.isEmpty()) {
                tool.put("description", description);
            }
            JsonNode parameters = function.path("parameters");
            tool.set(
                    "input_schema",
                    parameters.isObject() ? parameters : Json.object().put("type", "object"));
        }
        if (tools.isEmpty()) {
            return;
        }
        to.set("tools", tools);
        JsonNode choice = from.json().path("tool_choice");
        ObjectNode chosen = Json.object();
        switch (choice.asString("auto")) {
            case "none" -> chosen.put("type", "none");
            case "required" -> chosen.put("type", "any");
            default -> chosen.put("type", "auto");
        }
        if (choice.isObject()) {
            chosen = Json.object().put("type", "tool").put("name", from.chosenFunction());
        }
        JsonNode parallel = from.json().path("parallel_tool_calls");
        if (parallel.isBoolean()
                && !parallel.asBoolean(true)
                && !Json.string(chosen, "type").equals("none")) {
            chosen.put("disable_parallel_tool_use", true);
        }
        to.set("tool_choice", chosen);
    }
}
