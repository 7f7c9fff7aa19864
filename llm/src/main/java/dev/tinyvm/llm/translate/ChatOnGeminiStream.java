package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.SseEvents;
import java.io.ByteArrayOutputStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Gemini's streamed parts as the chunks of a streamed chat completion. For one answer, on one thread. Gemini's stream has no last event: it ends when it has told why. */
final class ChatOnGeminiStream implements Translation.EventStream {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(512);
    private String id = "";
    private String model = "";
    private ObjectNode usage = ChatAnswer.usage(0, 0, 0, 0);
    private int calls;
    private boolean begun;
    private String finish = "";
    private boolean ended;

    @Override
    public byte[] event(byte[] bytes, int start, int end) {
        JsonNode event = Json.parse(SseEvents.data(bytes, start, end));
        if (event != null) {
            take(event);
        }
        return taken();
    }

    private void take(JsonNode event) {
        if (event.path("error").isObject()) {
            throw ProviderError.inStream(event.path("error"));
        }
        if (!begun) {
            begun = true;
            id = ChatOnGemini.id(event);
            model = Json.string(event, "modelVersion");
            emit(Json.object().put("role", "assistant").put("content", ""), "");
        }
        if (event.path("usageMetadata").isObject()) {
            usage = ChatOnGemini.usage(event.path("usageMetadata"));
        }
        JsonNode candidate = event.path("candidates").path(0);
        for (JsonNode part : candidate.path("content").path("parts")) {
            String text = ChatOnGemini.text(part);
            if (part.path("functionCall").isObject()) {
                ObjectNode delta = Json.object();
                delta.putArray("tool_calls")
                        .add(ChatOnGemini.call(part.path("functionCall"), calls).put("index", calls));
                calls++;
                emit(delta, "");
            } else if (!text.isEmpty() && !part.path("thought").asBoolean(false)) {
                emit(Json.object().put("content", text), "");
            }
        }
        boolean blocked =
                candidate.isMissingNode() && event.path("promptFeedback").has("blockReason");
        if (candidate.has("finishReason") || blocked) {
            finish = ChatOnGemini.finish(candidate, calls > 0);
        }
    }

    @Override
    public byte[] finish() {
        if (!finish.isEmpty() && !ended) {
            emit(Json.object(), finish);
            out.writeBytes(ChatAnswer.usageChunk(id, model, usage));
            out.writeBytes(ChatAnswer.DONE);
            ended = true;
        }
        return taken();
    }

    @Override
    public boolean hasEnded() {
        return ended;
    }

    private void emit(ObjectNode delta, String reason) {
        out.writeBytes(ChatAnswer.chunk(id, model, delta, reason));
    }

    private byte[] taken() {
        byte[] bytes = out.toByteArray();
        out.reset();
        return bytes;
    }
}
