package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A Gemini client on a provider that speaks Chat Completions. Safety settings, thinking and {@code topK} are left out; tools that run at Google, and files kept there, are refused. */
final class GeminiOnChat implements Translation {
    private static final Set<String> SCHEMA_TYPES =
            Set.of("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL");

    @Override
    public byte[] request(byte[] body, String model, boolean streams) {
        JsonNode from = Json.parse(body);
        if (from == null || !from.path("contents").isArray()) {
            throw new LlmException(LlmException.Kind.INVALID, "the request has no list \"contents\"");
        }
        ObjectNode to = Json.object().put("model", model);
        ArrayNode messages = to.putArray("messages");
        JsonNode instruction =
                from.has("systemInstruction") ? from.path("systemInstruction") : from.path("system_instruction");
        String system = ChatRequest.text(instruction.path("parts"));
        if (!system.isEmpty()) {
            messages.addObject().put("role", "system").put("content", system);
        }
        Map<String, Deque<String>> open = new HashMap<>();
        int[] number = {0};
        for (JsonNode content : from.path("contents")) {
            add(messages, content, open, number);
        }
        config(from.path("generationConfig"), to);
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
        ArrayNode parts = Json.array();
        String said = Json.string(choice.path("message"), "content");
        if (!said.isEmpty()) {
            parts.addObject().put("text", said);
        }
        for (JsonNode call : choice.path("message").path("tool_calls")) {
            JsonNode function = call.path("function");
            parts.add(call(Json.string(call, "id"), Json.string(function, "name"), Json.string(function, "arguments")));
        }
        ObjectNode to = part(parts, finish(Json.string(choice, "finish_reason")), Json.string(from, "model"));
        to.put("responseId", Json.string(from, "id"));
        to.set("usageMetadata", usage(from.path("usage")));
        return Json.bytes(to);
    }

    @Override
    public EventStream stream() {
        return new GeminiOnChatStream();
    }

    /** One answer, or a part of one. */
    static ObjectNode part(ArrayNode parts, String finish, String model) {
        ObjectNode body = Json.object();
        ObjectNode candidate = body.putArray("candidates").addObject();
        candidate.putObject("content").put("role", "model").set("parts", parts);
        if (!finish.isEmpty()) {
            candidate.put("finishReason", finish);
        }
        candidate.put("index", 0);
        return body.put("modelVersion", model);
    }

    static ObjectNode call(String id, String name, String arguments) {
        JsonNode args = Json.parse(arguments);
        ObjectNode part = Json.object();
        part.putObject("functionCall")
                .put("id", id)
                .put("name", name)
                .set("args", args == null || !args.isObject() ? Json.object() : args);
        return part;
    }

    static String finish(String reason) {
        return switch (reason) {
            case "length" -> "MAX_TOKENS";
            case "content_filter" -> "SAFETY";
            default -> "STOP";
        };
    }

    static ObjectNode usage(JsonNode usage) {
        long input = Json.count(usage, "prompt_tokens");
        long output = Json.count(usage, "completion_tokens");
        return Json.object()
                .put("promptTokenCount", input)
                .put("cachedContentTokenCount", Json.count(usage.path("prompt_tokens_details"), "cached_tokens"))
                .put("candidatesTokenCount", output)
                .put("totalTokenCount", input + output);
    }

    private static LlmException refused(String what) {
        return new LlmException(
                LlmException.Kind.INVALID,
                what + " cannot be told to a provider that speaks Chat Completions; use a model of a Gemini provider");
    }

    /** @param open ids of calls that were not answered yet, by the function's name: Gemini's own clients send none */
    private static void add(ArrayNode messages, JsonNode content, Map<String, Deque<String>> open, int[] number) {
        boolean model = Json.string(content, "role").equals("model");
        ArrayNode parts = Json.array();
        ArrayNode calls = Json.array();
        for (JsonNode part : content.path("parts")) {
            if (part.path("functionCall").isObject()) {
                JsonNode call = part.path("functionCall");
                String name = Json.string(call, "name");
                String id = Json.string(call, "id").isEmpty() ? "call_" + ++number[0] : Json.string(call, "id");
                open.computeIfAbsent(name, n -> new ArrayDeque<>()).add(id);
                calls.add(
                        ChatAnswer.call(id, name, call.path("args").isObject() ? Json.text(call.path("args")) : "{}"));
            } else if (part.path("functionResponse").isObject()) {
                JsonNode response = part.path("functionResponse");
                Deque<String> waiting = open.getOrDefault(Json.string(response, "name"), new ArrayDeque<>());
                String id = Json.string(response, "id");
                String known = waiting.poll();
                messages.addObject()
                        .put("role", "tool")
                        .put("tool_call_id", id.isEmpty() && known != null ? known : id)
                        .put("content", Json.text(response.path("response")));
            } else if (part.path("inlineData").isObject()
                    || part.path("inline_data").isObject()) {
                JsonNode data = part.path(part.has("inlineData") ? "inlineData" : "inline_data");
                String type = Json.string(data, data.has("mimeType") ? "mimeType" : "mime_type");
                if (!type.startsWith("image/")) {
                    throw refused("content of type '" + type + "'");
                }
                parts.addObject()
                        .put("type", "image_url")
                        .putObject("image_url")
                        .put("url", "data:" + type + ";base64," + Json.string(data, "data"));
            } else if (part.path("text").isString()) {
                if (!part.path("thought").asBoolean(false)) {
                    parts.addObject().put("type", "text").put("text", Json.string(part, "text"));
                }
            } else {
                String name = part.propertyNames().stream().findFirst().orElse("nothing");
                throw refused("content of type '" + name + "'");
            }
        }
        if (parts.isEmpty() && calls.isEmpty()) {
            return;
        }
        ObjectNode message = messages.addObject().put("role", model ? "assistant" : "user");
        if (model) {
            String said = ChatRequest.text(parts);
            if (said.isEmpty()) {
                message.putNull("content");
            } else {
                message.put("content", said);
            }
        } else {
            message.set("content", parts);
        }
        if (!calls.isEmpty()) {
            message.set("tool_calls", calls);
        }
    }

    private static void config(JsonNode config, ObjectNode to) {
        if (config.path("candidateCount").asInt(1) > 1) {
            throw refused("candidateCount above 1");
        }
        copy(config, "maxOutputTokens", to, "max_tokens");
        copy(config, "temperature", to, "temperature");
        copy(config, "topP", to, "top_p");
        copy(config, "stopSequences", to, "stop");
        if (!Json.string(config, "responseMimeType").equals("application/json")) {
            return;
        }
        JsonNode schema = config.path("responseJsonSchema").isObject()
                ? config.path("responseJsonSchema")
                : schema(config.path("responseSchema"));
        ObjectNode format = to.putObject("response_format");
        if (schema.isObject()) {
            format.put("type", "json_schema")
                    .putObject("json_schema")
                    .put("name", "answer")
                    .set("schema", schema);
        } else {
            format.put("type", "json_object");
        }
    }

    private static void tools(JsonNode from, ObjectNode to) {
        ArrayNode tools = Json.array();
        for (JsonNode tool : from.path("tools")) {
            for (String name : tool.propertyNames()) {
                if (!name.equals("functionDeclarations") && !name.equals("function_declarations")) {
                    throw refused("the tool '" + name + "', which runs at Google itself,");
                }
                for (JsonNode declaration : tool.path(name)) {
                    ObjectNode function =
                            tools.addObject().put("type", "function").putObject("function");
                    function.put("name", Json.string(declaration, "name"));
                    function.put("description", Json.string(declaration, "description"));
                    JsonNode parameters =
                            declaration.path("parametersJsonSchema").isObject()
                                    ? declaration.path("parametersJsonSchema")
                                    : schema(declaration.path("parameters"));
                    if (parameters.isObject()) {
                        function.set("parameters", parameters);
                    }
                }
            }
        }
        if (tools.isEmpty()) {
            return;
        }
        to.set("tools", tools);
        JsonNode mode = from.path("toolConfig").path("functionCallingConfig");
        JsonNode allowed = mode.path("allowedFunctionNames");
        switch (Json.string(mode, "mode")) {
            case "NONE" -> to.put("tool_choice", "none");
            case "ANY" -> {
                if (allowed.size() == 1) {
                    to.putObject("tool_choice")
                            .put("type", "function")
                            .putObject("function")
                            .put("name", allowed.path(0).asString(""));
                } else {
                    to.put("tool_choice", "required");
                }
            }
            default -> to.put("tool_choice", "auto");
        }
    }

    /** Gemini's own schemas are those of OpenAPI with the types in capitals. */
    private static JsonNode schema(JsonNode from) {
        if (from.isArray()) {
            ArrayNode list = Json.array();
            from.forEach(item -> list.add(schema(item)));
            return list;
        }
        if (!from.isObject()) {
            return from;
        }
        ObjectNode to = Json.object();
        from.forEachEntry((name, value) -> {
            boolean type = name.equals("type") && value.isString() && SCHEMA_TYPES.contains(value.stringValue());
            if (type) {
                to.put(name, value.stringValue().toLowerCase(Locale.ROOT));
            } else {
                to.set(name, schema(value));
            }
        });
        return to;
    }

    private static void copy(JsonNode from, String name, ObjectNode to, String as) {
        if (from.has(name)) {
            to.set(as, from.path(name));
        }
    }
}
