package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A Gemini client on a provider that speaks Chat Completions. Safety settings, thoughts and {@code topK} are left out; tools that run at Google, and files kept there, are refused. */
final class GeminiOnChat implements Translation {
    private static final Set<String> SCHEMA_TYPES =
            Set.of("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL");

    private final String bound;

    /** @param bound under which the provider takes the most tokens of an answer */
    GeminiOnChat(String bound) {
        this.bound = bound;
    }

    @Override
    public byte[] request(byte[] body, String model, boolean streams) {
        JsonNode written = Json.parse(body);
        JsonNode from = written == null ? Json.object() : GeminiNames.camel(written);
        if (!from.path("contents").isArray()) {
            throw new LlmException(LlmException.Kind.INVALID, "the request has no list \"contents\"");
        }
        if (!Json.string(from, "cachedContent").isEmpty()) {
            throw refused("cachedContent, which Google keeps,");
        }
        ObjectNode to = Json.object().put("model", model);
        ArrayNode messages = to.putArray("messages");
        String system = ChatRequest.text(from.path("systemInstruction").path("parts"));
        if (!system.isEmpty()) {
            messages.addObject().put("role", "system").put("content", system);
        }
        GeminiCalls calls = new GeminiCalls();
        for (JsonNode content : from.path("contents")) {
            add(messages, content, calls);
        }
        config(from.path("generationConfig"), to, bound);
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
        String finish = Json.string(choice, "finish_reason");
        String said = ChatAnswer.said(choice.path("message"));
        if (!said.isEmpty()) {
            parts.addObject().put("text", said);
        }
        for (JsonNode call : choice.path("message").path("tool_calls")) {
            JsonNode function = call.path("function");
            call(
                    parts,
                    CallParts.id(call, parts.size()),
                    Json.string(function, "name"),
                    Json.string(function, "arguments"),
                    finish);
        }
        ObjectNode to = part(
                parts,
                ChatAnswer.isRefusal(choice.path("message")) ? "SAFETY" : finish(finish),
                Json.string(from, "model"));
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

    /** @param finish why the answer ended: a call that was cut off is left out */
    static void call(ArrayNode parts, String id, String name, String arguments, String finish) {
        Arguments.made(name, arguments, finish.equals("length"))
                .ifPresent(args -> parts.addObject()
                        .putObject("functionCall")
                        .put("id", id)
                        .put("name", name)
                        .set("args", args));
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
        long thoughts = Math.min(output, Json.count(usage.path("completion_tokens_details"), "reasoning_tokens"));
        return Json.object()
                .put("promptTokenCount", input)
                .put("cachedContentTokenCount", Json.count(usage.path("prompt_tokens_details"), "cached_tokens"))
                .put("candidatesTokenCount", output - thoughts)
                .put("thoughtsTokenCount", thoughts)
                .put("totalTokenCount", input + output);
    }

    private static LlmException refused(String what) {
        return new LlmException(
                LlmException.Kind.INVALID,
                what + " cannot be told to a provider that speaks Chat Completions; use a model of a Gemini provider");
    }

    private static void add(ArrayNode messages, JsonNode content, GeminiCalls open) {
        boolean model = Json.string(content, "role").equals("model");
        ArrayNode pictures = Json.array();
        ArrayNode parts = Json.array();
        ArrayNode calls = Json.array();
        for (JsonNode part : content.path("parts")) {
            if (part.path("functionCall").isObject()) {
                JsonNode call = part.path("functionCall");
                String args = call.path("args").isObject() ? Json.text(call.path("args")) : "{}";
                calls.add(ChatAnswer.call(open.called(call), Json.string(call, "name"), args));
            } else if (part.path("functionResponse").isObject()) {
                answered(messages, pictures, part.path("functionResponse"), open);
            } else if (part.path("inlineData").isObject()) {
                parts.add(image(part.path("inlineData")));
            } else if (part.path("text").isString()) {
                if (!part.path("thought").asBoolean(false)) {
                    parts.addObject().put("type", "text").put("text", Json.string(part, "text"));
                }
            } else if (!part.has("thoughtSignature") || part.size() > 1) {
                String name = part.propertyNames().stream().findFirst().orElse("nothing");
                throw refused("content of type '" + name + "'");
            }
        }
        if (model) {
            spoken(messages, ChatAnswer.said(Json.object().set("content", parts)), calls);
        } else if (!parts.isEmpty() || !pictures.isEmpty()) {
            messages.addObject().put("role", "user").set("content", pictures.addAll(parts));
        }
    }

    /** Clients keep a streamed answer in pieces; it was one message, and its calls are answered together. */
    private static void spoken(ArrayNode messages, String said, ArrayNode calls) {
        if (said.isEmpty() && calls.isEmpty()) {
            return;
        }
        JsonNode last = messages.path(messages.size() - 1);
        ObjectNode message =
                last instanceof ObjectNode before && Json.string(before, "role").equals("assistant")
                        ? before
                        : messages.addObject().put("role", "assistant").putNull("content");
        if (!said.isEmpty()) {
            message.put("content", Json.string(message, "content") + said);
        }
        if (!calls.isEmpty()) {
            ArrayNode all =
                    message.path("tool_calls") instanceof ArrayNode present ? present : message.putArray("tool_calls");
            all.addAll(calls);
        }
    }

    private static void answered(ArrayNode messages, ArrayNode pictures, JsonNode response, GeminiCalls open) {
        String id = open.answered(response);
        messages.addObject()
                .put("role", "tool")
                .put("tool_call_id", id)
                .put("content", Json.text(response.path("response")));
        if (!response.path("parts").isEmpty()) {
            pictures.add(ChatRequest.picturesOf(id));
            for (JsonNode part : response.path("parts")) {
                if (!part.path("inlineData").isObject()) {
                    throw refused("a function's response with a part that is no inlineData");
                }
                pictures.add(image(part.path("inlineData")));
            }
        }
    }

    private static ObjectNode image(JsonNode data) {
        String type = Json.string(data, "mimeType");
        if (!type.startsWith("image/")) {
            throw refused("content of type '" + type + "'");
        }
        ObjectNode part = Json.object().put("type", "image_url");
        part.putObject("image_url").put("url", "data:" + type + ";base64," + Json.string(data, "data"));
        return part;
    }

    private static void config(JsonNode config, ObjectNode to, String bound) {
        if (config.path("candidateCount").asInt(1) > 1) {
            throw refused("candidateCount above 1");
        }
        if (config.path("responseLogprobs").asBoolean(false)) {
            throw refused("responseLogprobs");
        }
        for (JsonNode modality : config.path("responseModalities")) {
            if (!modality.asString("").equals("TEXT")) {
                throw refused("responseModalities " + modality.asString(""));
            }
        }
        Json.copy(config, "maxOutputTokens", to, bound);
        Json.copy(config, "temperature", to, "temperature");
        Json.copy(config, "topP", to, "top_p");
        Json.copy(config, "stopSequences", to, "stop");
        Json.copy(config, "seed", to, "seed");
        Json.copy(config, "presencePenalty", to, "presence_penalty");
        Json.copy(config, "frequencyPenalty", to, "frequency_penalty");
        String type = Json.string(config, "responseMimeType");
        if (type.isEmpty() || type.equals("text/plain")) {
            return;
        }
        if (!type.equals("application/json")) {
            throw refused("responseMimeType " + type);
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
        JsonNode mode = from.path("toolConfig").path("functionCallingConfig");
        Set<String> allowed = new HashSet<>();
        mode.path("allowedFunctionNames").forEach(name -> allowed.add(name.asString("")));
        ArrayNode tools = Json.array();
        for (JsonNode tool : from.path("tools")) {
            for (String name : tool.propertyNames()) {
                if (!name.equals("functionDeclarations")) {
                    throw refused("the tool '" + name + "', which runs at Google itself,");
                }
                for (JsonNode declaration : tool.path(name)) {
                    // One that may not be called need not be known.
                    if (allowed.isEmpty() || allowed.contains(Json.string(declaration, "name"))) {
                        tools.add(declared(declaration));
                    }
                }
            }
        }
        if (tools.isEmpty()) {
            return;
        }
        to.set("tools", tools);
        switch (Json.string(mode, "mode")) {
            case "NONE" -> to.put("tool_choice", "none");
            case "ANY" -> {
                if (allowed.size() == 1 && tools.size() == 1) {
                    to.putObject("tool_choice")
                            .put("type", "function")
                            .putObject("function")
                            .put("name", allowed.iterator().next());
                } else {
                    to.put("tool_choice", "required");
                }
            }
            default -> to.put("tool_choice", "auto");
        }
    }

    private static ObjectNode declared(JsonNode declaration) {
        ObjectNode tool = Json.object().put("type", "function");
        ObjectNode function = tool.putObject("function");
        function.put("name", Json.string(declaration, "name"));
        function.put("description", Json.string(declaration, "description"));
        JsonNode parameters = declaration.path("parametersJsonSchema").isObject()
                ? declaration.path("parametersJsonSchema")
                : schema(declaration.path("parameters"));
        if (parameters.isObject()) {
            function.set("parameters", parameters);
        }
        return tool;
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
}
