package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A client of OpenAI's Responses API on a provider that speaks Chat Completions only. What OpenAI keeps between calls (earlier responses, conversations, stored prompts, runs in the background) and tools that run there are refused; reasoning
 * items are left out.
 */
final class ResponsesOnChat implements Translation {
    private static final String[] KEPT_THERE = {"previous_response_id", "conversation", "prompt"};

    private final String bound;

    /** @param bound under which the provider takes the most tokens of an answer */
    ResponsesOnChat(String bound) {
        this.bound = bound;
    }

    @Override
    public byte[] request(byte[] body, String model, boolean streams) {
        JsonNode from = Json.parse(body);
        if (from == null
                || !(from.path("input").isString() || from.path("input").isArray())) {
            throw new LlmException(LlmException.Kind.INVALID, "the request has no \"input\"");
        }
        for (String name : KEPT_THERE) {
            if (from.has(name) && !from.path(name).isNull()) {
                throw new LlmException(
                        LlmException.Kind.INVALID,
                        name
                                + " names what OpenAI itself keeps, and this provider has no Responses API; send the whole input");
            }
        }
        if (from.path("background").asBoolean(false)) {
            throw refused("background");
        }
        if (from.path("top_logprobs").asInt(0) > 0) {
            throw refused("top_logprobs");
        }
        ObjectNode to = Json.object().put("model", model);
        ArrayNode messages = to.putArray("messages");
        String instructions = Json.string(from, "instructions");
        if (!instructions.isEmpty()) {
            messages.addObject().put("role", "system").put("content", instructions);
        }
        if (from.path("input").isString()) {
            messages.addObject().put("role", "user").put("content", Json.string(from, "input"));
        } else {
            ArrayNode pictures = Json.array();
            for (JsonNode item : from.path("input")) {
                if (!pictures.isEmpty() && !Json.string(item, "type").equals("function_call_output")) {
                    messages.addObject().put("role", "user").set("content", pictures);
                    pictures = Json.array();
                }
                add(messages, item, pictures);
            }
            if (!pictures.isEmpty()) {
                messages.addObject().put("role", "user").set("content", pictures);
            }
        }
        Json.copy(from, "max_output_tokens", to, bound);
        Json.copy(from, "temperature", to, "temperature");
        Json.copy(from, "top_p", to, "top_p");
        Json.copy(from, "user", to, "user");
        format(from.path("text").path("format"), to);
        tools(from, to);
        if (streams) {
            to.put("stream", true).putObject("stream_options").put("include_usage", true);
        }
        return Json.bytes(to);
    }

    @Override
    public byte[] answer(byte[] body) {
        JsonNode from = Json.parse(body);
        JsonNode choice = from == null ? null : from.path("choices").path(0);
        if (from == null || choice == null || !choice.path("message").isObject()) {
            throw new LlmException(LlmException.Kind.UPSTREAM, "the provider's answer is not a chat completion");
        }
        ResponseWords words = new ResponseWords(Json.string(from, "id"), Json.string(from, "model"));
        ArrayNode output = Json.array();
        String finish = Json.string(choice, "finish_reason");
        String said = ChatAnswer.said(choice.path("message"));
        if (!said.isEmpty()) {
            output.add(words.message(0, said, "completed"));
        }
        for (JsonNode call : choice.path("message").path("tool_calls")) {
            JsonNode function = call.path("function");
            output.add(words.call(
                    output.size(),
                    CallParts.id(call, output.size()),
                    Json.string(function, "name"),
                    Json.string(function, "arguments"),
                    "completed"));
        }
        return Json.bytes(words.response(ResponseWords.status(finish), finish, output, from.path("usage")));
    }

    @Override
    public EventStream stream() {
        return new ResponsesOnChatStream();
    }

    private static LlmException refused(String what) {
        return new LlmException(
                LlmException.Kind.INVALID,
                what + " cannot be told to a provider without OpenAI's Responses API; use a model of one that has it");
    }

    /** @param pictures takes those of tools' results, whose messages hold none there */
    private static void add(ArrayNode messages, JsonNode item, ArrayNode pictures) {
        String type = Json.string(item, "type");
        switch (type.isEmpty() ? "message" : type) {
            case "message" -> message(messages, item);
            case "function_call" -> {
                JsonNode last = messages.path(messages.size() - 1);
                // Calls of one answer are items here, and one message there.
                ObjectNode message = last instanceof ObjectNode before
                                && Json.string(last, "role").equals("assistant")
                        ? before
                        : messages.addObject().put("role", "assistant").putNull("content");
                ArrayNode calls = message.path("tool_calls") instanceof ArrayNode present
                        ? present
                        : message.putArray("tool_calls");
                calls.add(ChatAnswer.call(
                        Json.string(item, "call_id"), Json.string(item, "name"), Json.string(item, "arguments")));
            }
            case "function_call_output" ->
                messages.addObject()
                        .put("role", "tool")
                        .put("tool_call_id", Json.string(item, "call_id"))
                        .put("content", result(item, pictures));
            case "reasoning" -> {
                // Another model's thoughts.
            }
            default -> throw refused("an item of type '" + type + "'");
        }
    }

    private static void message(ArrayNode messages, JsonNode item) {
        String role = Json.string(item, "role");
        ObjectNode message = messages.addObject().put("role", role.equals("developer") ? "system" : role);
        JsonNode content = item.path("content");
        if (!role.equals("user") || content.isString()) {
            message.put("content", role.equals("assistant") ? ChatAnswer.said(item) : ChatRequest.text(content));
            return;
        }
        ArrayNode parts = message.putArray("content");
        for (JsonNode part : content) {
            switch (Json.string(part, "type")) {
                case "input_text", "text" ->
                    parts.addObject().put("type", "text").put("text", Json.string(part, "text"));
                case "input_image" -> image(parts, part);
                default -> throw refused("content of type '" + Json.string(part, "type") + "'");
            }
        }
    }

    private static String result(JsonNode item, ArrayNode pictures) {
        JsonNode output = item.path("output");
        StringBuilder said = new StringBuilder(Json.string(item, "output"));
        boolean first = true;
        for (JsonNode part : output) {
            switch (Json.string(part, "type")) {
                case "input_text", "output_text", "text" -> said.append(Json.string(part, "text"));
                case "input_image" -> {
                    if (first) {
                        pictures.add(ChatRequest.picturesOf(Json.string(item, "call_id")));
                        first = false;
                    }
                    image(pictures, part);
                }
                default -> throw refused("a function's output of type '" + Json.string(part, "type") + "'");
            }
        }
        return said.toString();
    }

    private static void image(ArrayNode parts, JsonNode part) {
        String url = Json.string(part, "image_url");
        if (url.isEmpty()) {
            throw refused("an image by its file_id");
        }
        parts.addObject().put("type", "image_url").putObject("image_url").put("url", url);
    }

    private static void format(JsonNode format, ObjectNode to) {
        switch (Json.string(format, "type")) {
            case "json_object" -> to.putObject("response_format").put("type", "json_object");
            case "json_schema" -> {
                ObjectNode schema = to.putObject("response_format")
                        .put("type", "json_schema")
                        .putObject("json_schema");
                for (String name : new String[] {"name", "description", "schema", "strict"}) {
                    Json.copy(format, name, schema, name);
                }
            }
            default -> {
                // Text.
            }
        }
    }

    private static void tools(JsonNode from, ObjectNode to) {
        ArrayNode tools = Json.array();
        for (JsonNode tool : from.path("tools")) {
            if (!Json.string(tool, "type").equals("function")) {
                throw refused("a tool of type '" + Json.string(tool, "type") + "'");
            }
            ObjectNode function = tools.addObject().put("type", "function").putObject("function");
            for (String name : new String[] {"name", "description", "parameters", "strict"}) {
                Json.copy(tool, name, function, name);
            }
        }
        if (tools.isEmpty()) {
            return;
        }
        to.set("tools", tools);
        Json.copy(from, "parallel_tool_calls", to, "parallel_tool_calls");
        JsonNode choice = from.path("tool_choice");
        if (choice.isString()) {
            to.set("tool_choice", choice);
        } else if (Json.string(choice, "type").equals("function")) {
            to.putObject("tool_choice")
                    .put("type", "function")
                    .putObject("function")
                    .put("name", Json.string(choice, "name"));
        } else if (choice.isObject()) {
            throw refused("tool_choice '" + Json.string(choice, "type") + "'");
        }
    }
}
