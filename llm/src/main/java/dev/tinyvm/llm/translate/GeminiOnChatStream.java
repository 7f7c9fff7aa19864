package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.SseEvents;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The chunks of a streamed chat completion as Gemini's streamed parts. For one answer, on one thread. Gemini tells a function's call as a whole, so calls are kept until all of them are there. */
final class GeminiOnChatStream implements Translation.EventStream {
    private final Map<Integer, Call> calls = new TreeMap<>();
    private String model = "";
    private String finish = "";
    private ObjectNode usage = GeminiOnChat.usage(Json.object());
    private boolean ended;

    /** A call so far. */
    private static final class Call {
        private String id = "";
        private String name = "";
        private final StringBuilder arguments = new StringBuilder();
    }

    @Override
    public byte[] event(byte[] bytes, int start, int end) {
        byte[] data = SseEvents.data(bytes, start, end);
        JsonNode chunk = Json.parse(data);
        if (chunk == null) {
            return new String(data, StandardCharsets.UTF_8).equals("[DONE]") ? last() : new byte[0];
        }
        if (chunk.path("error").isObject()) {
            ObjectNode error = Json.object();
            error.putObject("error")
                    .put("code", 502)
                    .put("message", Json.string(chunk.path("error"), "message"))
                    .put("status", "UNAVAILABLE");
            return ChatAnswer.event(error);
        }
        if (!Json.string(chunk, "model").isEmpty()) {
            model = Json.string(chunk, "model");
        }
        if (chunk.path("usage").isObject()) {
            usage = GeminiOnChat.usage(chunk.path("usage"));
        }
        JsonNode choice = chunk.path("choices").path(0);
        for (JsonNode part : choice.path("delta").path("tool_calls")) {
            Call call = calls.computeIfAbsent(part.path("index").asInt(0), index -> new Call());
            call.id = Json.string(part, "id").isEmpty() ? call.id : Json.string(part, "id");
            call.name += Json.string(part.path("function"), "name");
            call.arguments.append(Json.string(part.path("function"), "arguments"));
        }
        if (!Json.string(choice, "finish_reason").isEmpty()) {
            finish = GeminiOnChat.finish(Json.string(choice, "finish_reason"));
        }
        String text = Json.string(choice.path("delta"), "content");
        if (text.isEmpty()) {
            return new byte[0];
        }
        ArrayNode parts = Json.array();
        parts.addObject().put("text", text);
        return ChatAnswer.event(GeminiOnChat.part(parts, "", model));
    }

    @Override
    public byte[] finish() {
        return new byte[0];
    }

    @Override
    public boolean hasEnded() {
        return ended;
    }

    private byte[] last() {
        ended = true;
        ArrayNode parts = Json.array();
        for (Call call : calls.values()) {
            parts.add(GeminiOnChat.call(call.id, call.name, call.arguments.toString()));
        }
        ObjectNode body = GeminiOnChat.part(parts, finish.isEmpty() ? "STOP" : finish, model);
        body.set("usageMetadata", usage);
        return ChatAnswer.event(body);
    }
}
