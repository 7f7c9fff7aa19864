package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.SseEvents;
import java.io.ByteArrayOutputStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The events of a streamed message as the chunks of a streamed chat completion. For one answer, on one thread. The chunk with the usage always comes: the gateway takes it out when nobody asked for it. */
final class ChatOnMessagesStream implements Translation.EventStream {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(512);
    private String id = "";
    private String model = "";
    private ObjectNode told = Json.object();
    private int tool = -1;
    private boolean inTool;
    /** Whether the call has arguments so far. */
    private boolean said;

    private boolean ended;

    @Override
    public byte[] event(byte[] bytes, int start, int end) {
        JsonNode event = Json.parse(SseEvents.data(bytes, start, end));
        if (event != null) {
            take(event);
        }
        byte[] taken = out.toByteArray();
        out.reset();
        return taken;
    }

    private void take(JsonNode event) {
        switch (Json.string(event, "type")) {
            case "message_start" -> {
                JsonNode message = event.path("message");
                id = Json.string(message, "id");
                model = Json.string(message, "model");
                merge(message.path("usage"));
                emit(Json.object().put("role", "assistant").put("content", ""), "");
            }
            case "content_block_start" -> {
                JsonNode block = event.path("content_block");
                String text = Json.string(block, "text");
                inTool = Json.string(block, "type").equals("tool_use");
                if (inTool) {
                    tool++;
                    said = false;
                    ObjectNode delta = Json.object();
                    delta.putArray("tool_calls")
                            .add(ChatAnswer.call(Json.string(block, "id"), Json.string(block, "name"), "")
                                    .put("index", tool));
                    emit(delta, "");
                } else if (Json.string(block, "type").equals("text") && !text.isEmpty()) {
                    emit(Json.object().put("content", text), "");
                }
            }
            case "content_block_delta" -> delta(event.path("delta"));
            case "message_delta" -> {
                merge(event.path("usage"));
                String reason = Json.string(event.path("delta"), "stop_reason");
                if (!reason.isEmpty()) {
                    emit(Json.object(), ChatOnMessages.finish(reason));
                }
            }
            case "message_stop" -> {
                out.writeBytes(ChatAnswer.usageChunk(id, model, ChatOnMessages.usage(told)));
                out.writeBytes(ChatAnswer.DONE);
                ended = true;
            }
            case "error" -> throw ProviderError.inStream(event.path("error"));
            case "content_block_stop" -> {
                if (inTool && !said) {
                    // A call without arguments: what its client parses must be JSON.
                    arguments("{}");
                }
                inTool = false;
            }
            default -> {
                // Pings, the ends of blocks, and what will be invented.
            }
        }
    }

    private void delta(JsonNode delta) {
        switch (Json.string(delta, "type")) {
            case "text_delta" -> emit(Json.object().put("content", Json.string(delta, "text")), "");
            case "input_json_delta" -> {
                String part = Json.string(delta, "partial_json");
                if (inTool && !part.isEmpty()) {
                    said = true;
                    arguments(part);
                }
            }
            default -> {
                // Thinking and its signature.
            }
        }
    }

    private void arguments(String part) {
        ObjectNode chunk = Json.object();
        ObjectNode call = chunk.putArray("tool_calls").addObject().put("index", tool);
        call.putObject("function").put("arguments", part);
        emit(chunk, "");
    }

    /** Its beginning tells the input, its end the output. */
    private void merge(JsonNode usage) {
        usage.forEachEntry((name, value) -> told.set(name, value));
    }

    private void emit(ObjectNode delta, String finish) {
        out.writeBytes(ChatAnswer.chunk(id, model, delta, finish));
    }

    @Override
    public byte[] finish() {
        return new byte[0];
    }

    @Override
    public boolean hasEnded() {
        return ended;
    }
}
