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
    /** What Anthropic does itself for a request that names it. */
    private static final String[] DONE_THERE = {"mcp_servers", "container"};

    private final String bound;

    /** @param bound under which the provider takes the most tokens of an answer */
    MessagesOnChat(String bound) {
        this.bound = bound;
    }

    @Override
    public byte[] request(byte[] body, String model, boolean streams) {
        JsonNode from = Json.parse(body);
        if (from == null || !from.path("messages").isArray()) {
            throw new LlmException(LlmException.Kind.INVALID, "the request has no list \"messages\"");
        }
        for (String name : DONE_THERE) {
            JsonNode value = from.path(name);
            if (!value.isEmpty() || !Json.string(from, name).isEmpty()) {
                throw refused(name);
            }
        }
        ObjectNode to = Json.object().put("model", model);
        ArrayNode messages = to.putArray("messages");
        String system = text(from.path("system"));
        if (!system.isEmpty()) {
            messages.addObject().put("role", "system").put("content", system);
        }
        from.path("messages").forEach(message -> add(messages, message));
        Json.copy(from, "max_tokens", to, bound);
        Json.copy(from, "temperature", to, "temperature");
        Json.copy(from, "top_p", to, "top_p");
        Json.copy(from, "stop_sequences", to, "stop");
        Json.copy(from.path("metadata"), "user_id", to, "user");
        format(from, to);
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
        String finish = Json.string(choice, "finish_reason");
        String said = ChatAnswer.said(message);
        if (!said.isEmpty()) {
            content.addObject().put("type", "text").put("text", said);
        }
        for (JsonNode call : message.path("tool_calls")) {
            JsonNode function = call.path("function");
            String name = Json.string(function, "name");
            Arguments.made(name, Json.string(function, "arguments"), finish.equals("length"))
                    .ifPresent(input -> content.addObject()
                            .put("type", "tool_use")
                            .put("id", CallParts.id(call, content.size()))
                            .put("name", name)
                            .set("input", input));
        }
        to.put(
                "stop_reason",
                ChatAnswer.isRefusal(message)
                        ? "refusal"
                        : stopReason(finish, !message.path("tool_calls").isEmpty()));
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

    /** @param calls whether a tool is called: servers say {@code stop} when they were told to call it */
    static String stopReason(String finish, boolean calls) {
        return switch (finish) {
            case "tool_calls", "function_call" -> "tool_use";
            case "length" -> "max_tokens";
            case "content_filter" -> "refusal";
            default -> calls ? "tool_use" : "end_turn";
        };
    }

    private static void add(ArrayNode messages, JsonNode message) {
        String role = Json.string(message, "role");
        if (message.path("content").isString()) {
            messages.addObject().put("role", role).put("content", Json.string(message, "content"));
            return;
        }
        List<ObjectNode> pictures = new ArrayList<>();
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
                            .put("content", result(block, pictures));
                case "thinking", "redacted_thinking" -> {
                    // The provider's own model did not think it.
                }
                default -> throw refused("content of type '" + Json.string(block, "type") + "'");
            }
        }
        parts.addAll(0, pictures);
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

    /** The result's text. Tools' messages hold no pictures there: those follow in the user's. */
    private static String result(JsonNode block, List<ObjectNode> pictures) {
        JsonNode content = block.path("content");
        List<String> texts = new ArrayList<>();
        if (content.isString()) {
            texts.add(content.stringValue());
        }
        boolean first = true;
        for (JsonNode part : content) {
            switch (Json.string(part, "type")) {
                case "text" -> texts.add(Json.string(part, "text"));
                case "image" -> {
                    if (first) {
                        pictures.add(ChatRequest.picturesOf(Json.string(block, "tool_use_id")));
                        first = false;
                    }
                    pictures.add(image(part.path("source")));
                }
                default -> throw refused("a tool's result of type '" + Json.string(part, "type") + "'");
            }
        }
        return (block.path("is_error").asBoolean(false) ? "Error: " : "") + String.join("\n", texts);
    }

    private static LlmException refused(String what) {
        return new LlmException(
                LlmException.Kind.INVALID,
                what
                        + " cannot be told to a provider that speaks Chat Completions; leave it out, or use a model of an Anthropic provider");
    }

    private static ObjectNode image(JsonNode source) {
        String url = switch (Json.string(source, "type")) {
            case "base64" -> "data:" + Json.string(source, "media_type") + ";base64," + Json.string(source, "data");
            case "url" -> Json.string(source, "url");
            default -> throw refused("an image with a source of type '" + Json.string(source, "type") + "'");
        };
        ObjectNode part = Json.object().put("type", "image_url");
        part.putObject("image_url").put("url", url);
        return part;
    }

    /** Where the answer's form is prescribed: by its present name, or the one of the time before. */
    private static void format(JsonNode from, ObjectNode to) {
        JsonNode format = from.path("output_config").path("format");
        format = format.isObject() ? format : from.path("output_format");
        if (!format.isObject()) {
            return;
        }
        if (!Json.string(format, "type").equals("json_schema")) {
            throw refused("an output format of type '" + Json.string(format, "type") + "'");
        }
        to.putObject("response_format")
                .put("type", "json_schema")
                .putObject("json_schema")
                .put("name", "answer")
                .set("schema", format.path("schema"));
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
            Json.copy(tool, "input_schema", function, "parameters");
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
