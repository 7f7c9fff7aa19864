package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * An OpenAI Chat Completions client on a provider that speaks Gemini's generateContent. The model's name and the wish for a stream stand in the path there. Thoughts and their signatures have no place in a chat and are left out.
 */
final class ChatOnGemini implements Translation {
    @Override
    public byte[] request(byte[] body, String model, boolean streams) {
        ChatRequest from = ChatRequest.read(body, "a Gemini provider");
        ObjectNode to = Json.object();
        String system = from.system();
        if (!system.isEmpty()) {
            to.putObject("systemInstruction").putArray("parts").addObject().put("text", system);
        }
        ArrayNode contents = to.putArray("contents");
        ToolResults results = new ToolResults(from);
        for (JsonNode message : from.json().path("messages")) {
            if (Json.string(message, "role").equals("tool")) {
                results.add(message);
            } else {
                results.flush(contents);
                add(contents, message, results, from);
            }
        }
        results.flush(contents);
        ObjectNode config = Json.object();
        copy(from.maxTokens(), config, "maxOutputTokens");
        copy(from.json().path("temperature"), config, "temperature");
        copy(from.json().path("top_p"), config, "topP");
        copy(from.json().path("seed"), config, "seed");
        copy(from.json().path("presence_penalty"), config, "presencePenalty");
        copy(from.json().path("frequency_penalty"), config, "frequencyPenalty");
        if (!from.stop().isEmpty()) {
            config.set("stopSequences", from.stop());
        }
        format(from, config);
        if (!config.isEmpty()) {
            to.set("generationConfig", config);
        }
        tools(from, to);
        return Json.bytes(to);
    }

    @Override
    public byte[] answer(byte[] body) {
        JsonNode from = Json.parse(body);
        if (from == null
                || !(from.path("candidates").isArray()
                        || from.path("promptFeedback").isObject())) {
            throw new LlmException(LlmException.Kind.UPSTREAM, "the provider's answer is not Gemini's");
        }
        StringBuilder said = new StringBuilder();
        ArrayNode calls = Json.array();
        JsonNode candidate = from.path("candidates").path(0);
        for (JsonNode part : candidate.path("content").path("parts")) {
            if (part.path("functionCall").isObject()) {
                calls.add(call(part.path("functionCall"), calls.size()));
            } else if (!part.path("thought").asBoolean(false)) {
                said.append(text(part));
            }
        }
        return ChatAnswer.plain(
                id(from),
                Json.string(from, "modelVersion"),
                said.toString(),
                calls,
                finish(candidate, !calls.isEmpty()),
                usage(from.path("usageMetadata")));
    }

    @Override
    public EventStream stream() {
        return new ChatOnGeminiStream();
    }

    static String id(JsonNode from) {
        String id = Json.string(from, "responseId");
        return id.isEmpty() ? "chatcmpl-" + Long.toHexString(System.nanoTime()) : id;
    }

    /** What a part says; empty for a thought's signature alone. */
    static String text(JsonNode part) {
        if (part.path("inlineData").isObject()) {
            throw new LlmException(
                    LlmException.Kind.UPSTREAM,
                    "the model answered with a picture or sound, which Chat Completions cannot hold; call it in Gemini's own dialect");
        }
        return Json.string(part, "text");
    }

    /** Where Gemini gives a call no id, it is counted. */
    static ObjectNode call(JsonNode function, int number) {
        String id = Json.string(function, "id");
        return ChatAnswer.call(
                id.isEmpty() ? CallParts.newId(number) : id,
                Json.string(function, "name"),
                function.path("args").isObject() ? Json.text(function.path("args")) : "{}");
    }

    /** Without a candidate the prompt was blocked. */
    static String finish(JsonNode candidate, boolean calls) {
        return switch (Json.string(candidate, "finishReason")) {
            case "MAX_TOKENS" -> "length";
            case "SAFETY",
                    "RECITATION",
                    "LANGUAGE",
                    "BLOCKLIST",
                    "PROHIBITED_CONTENT",
                    "SPII",
                    "IMAGE_SAFETY",
                    "IMAGE_PROHIBITED_CONTENT" -> "content_filter";
            case "" -> !candidate.isObject() ? "content_filter" : calls ? "tool_calls" : "stop";
            default -> calls ? "tool_calls" : "stop";
        };
    }

    static ObjectNode usage(JsonNode usage) {
        return ChatAnswer.usage(
                Json.count(usage, "promptTokenCount") + Json.count(usage, "toolUsePromptTokenCount"),
                Json.count(usage, "cachedContentTokenCount"),
                Json.count(usage, "candidatesTokenCount") + Json.count(usage, "thoughtsTokenCount"),
                Json.count(usage, "thoughtsTokenCount"));
    }

    private static void add(ArrayNode contents, JsonNode message, ToolResults results, ChatRequest from) {
        switch (Json.string(message, "role")) {
            case "system", "developer" -> {
                // Stands apart.
            }
            case "user" -> {
                ArrayNode parts = parts(contents, "user");
                if (message.path("content").isString()) {
                    parts.addObject().put("text", Json.string(message, "content"));
                }
                for (JsonNode part : message.path("content")) {
                    switch (Json.string(part, "type")) {
                        case "text" -> parts.addObject().put("text", Json.string(part, "text"));
                        case "image_url" -> image(parts, part, from);
                        default -> throw from.refusedPart(part);
                    }
                }
            }
            case "assistant" -> {
                ArrayNode parts = parts(contents, "model");
                String text = ChatAnswer.said(message);
                if (!text.isEmpty()) {
                    parts.addObject().put("text", text);
                }
                for (JsonNode call : message.path("tool_calls")) {
                    JsonNode function = call.path("function");
                    results.called(Json.string(call, "id"), Json.string(function, "name"));
                    parts.addObject()
                            .putObject("functionCall")
                            .put("name", Json.string(function, "name"))
                            .set("args", Arguments.told(Json.string(function, "arguments")));
                }
                if (parts.isEmpty()) {
                    contents.remove(contents.size() - 1);
                }
            }
            default -> throw from.refused("messages[].role '" + Json.string(message, "role") + "'");
        }
    }

    static void image(ArrayNode parts, JsonNode part, ChatRequest from) {
        ChatRequest.Image image = from.imageUrl(part);
        if (image.base64().isEmpty()) {
            throw from.refused("an image by its URL (send it as a data: URL)");
        }
        parts.addObject()
                .putObject("inlineData")
                .put("mimeType", image.mediaType())
                .put("data", image.base64());
    }

    static ArrayNode parts(ArrayNode contents, String role) {
        JsonNode last = contents.path(contents.size() - 1);
        if (Json.string(last, "role").equals(role) && last.path("parts") instanceof ArrayNode parts) {
            return parts;
        }
        return contents.addObject().put("role", role).putArray("parts");
    }

    private static void format(ChatRequest from, ObjectNode config) {
        JsonNode format = from.json().path("response_format");
        switch (Json.string(format, "type")) {
            case "", "text" -> {
                // As it is.
            }
            case "json_object" -> config.put("responseMimeType", "application/json");
            case "json_schema" -> {
                config.put("responseMimeType", "application/json");
                config.set("responseJsonSchema", format.path("json_schema").path("schema"));
            }
            default -> throw from.refused("response_format '" + Json.string(format, "type") + "'");
        }
    }

    private static void tools(ChatRequest from, ObjectNode to) {
        ArrayNode declarations = Json.array();
        for (JsonNode function : from.functions()) {
            ObjectNode declaration = declarations.addObject().put("name", Json.string(function, "name"));
            declaration.put("description", Json.string(function, "description"));
            if (function.path("parameters").isObject()) {
                declaration.set("parametersJsonSchema", function.path("parameters"));
            }
        }
        if (declarations.isEmpty()) {
            return;
        }
        to.putArray("tools").addObject().set("functionDeclarations", declarations);
        JsonNode choice = from.json().path("tool_choice");
        ObjectNode mode = to.putObject("toolConfig").putObject("functionCallingConfig");
        if (choice.isObject()) {
            mode.put("mode", "ANY");
            mode.putArray("allowedFunctionNames").add(from.chosenFunction());
        } else {
            mode.put(
                    "mode",
                    switch (choice.asString("auto")) {
                        case "none" -> "NONE";
                        case "required" -> "ANY";
                        default -> "AUTO";
                    });
        }
    }

    private static void copy(JsonNode value, ObjectNode to, String name) {
        if (value.isNumber()) {
            to.set(name, value);
        }
    }
}
