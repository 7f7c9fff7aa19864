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
    private final CallParts parts = new CallParts();
    private final Map<Integer, Call> calls = new TreeMap<>();
    private String model = "";
    private String finish = "";
    private ObjectNode usage = GeminiOnChat.usage(Json.object());
    private boolean refused;
    private boolean ended;

    /** A call so far. */
    private static final class Call {
        private final String id;
        private String name = "";
        private final StringBuilder arguments = new StringBuilder();

        Call(String id) {
            this.id = id;
        }
    }

    @Override
    public byte[] event(byte[] bytes, int start, int end) {
        byte[] data = SseEvents.data(bytes, start, end);
        JsonNode chunk = Json.parse(data);
        if (chunk == null) {
            return new String(data, StandardCharsets.UTF_8).equals("[DONE]") ? last() : new byte[0];
        }
        if (chunk.path("error").isObject()) {
            throw ProviderError.inStream(chunk.path("error"));
        }
        if (!Json.string(chunk, "model").isEmpty()) {
            model = Json.string(chunk, "model");
        }
        if (chunk.path("usage").isObject()) {
            usage = GeminiOnChat.usage(chunk.path("usage"));
        }
        JsonNode choice = chunk.path("choices").path(0);
        for (JsonNode part : choice.path("delta").path("tool_calls")) {
            int number = parts.number(part);
            Call call = calls.computeIfAbsent(number, n -> new Call(CallParts.id(part, n)));
            call.name = call.name.isEmpty() ? Json.string(part.path("function"), "name") : call.name;
            call.arguments.append(Json.string(part.path("function"), "arguments"));
        }
        if (!Json.string(choice, "finish_reason").isEmpty()) {
            finish = Json.string(choice, "finish_reason");
        }
        refused |= ChatAnswer.isRefusal(choice.path("delta"));
        String text = ChatAnswer.said(choice.path("delta"));
        if (text.isEmpty()) {
            return new byte[0];
        }
        ArrayNode said = Json.array();
        said.addObject().put("text", text);
        return ChatAnswer.event(GeminiOnChat.part(said, "", model));
    }

    @Override
    public byte[] finish() {
        // Some servers leave the last line out.
        return !ended && !finish.isEmpty() ? last() : new byte[0];
    }

    @Override
    public boolean hasEnded() {
        return ended;
    }

    private byte[] last() {
        ended = true;
        ArrayNode made = Json.array();
        for (Call call : calls.values()) {
            GeminiOnChat.call(made, call.id, call.name, call.arguments.toString(), finish);
        }
        ObjectNode body = GeminiOnChat.part(made, refused ? "SAFETY" : GeminiOnChat.finish(finish), model);
        body.set("usageMetadata", usage);
        return ChatAnswer.event(body);
    }
}
