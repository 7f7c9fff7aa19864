package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.SseEvents;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The chunks of a streamed chat completion as the events of a streamed message. For one answer, on one thread. */
final class MessagesOnChatStream implements Translation.EventStream {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(512);
    private boolean started;
    private int block = -1;
    private int tool = -1;
    private boolean inText;
    private String stop = "";
    private ObjectNode usage = MessagesOnChat.usage(Json.object());
    private boolean ended;

    @Override
    public byte[] event(byte[] bytes, int start, int end) {
        byte[] data = SseEvents.data(bytes, start, end);
        JsonNode chunk = Json.parse(data);
        if (chunk == null) {
            if (new String(data, StandardCharsets.UTF_8).equals("[DONE]")) {
                end();
            }
            return taken();
        }
        if (chunk.path("error").isObject()) {
            ObjectNode error = Json.object().put("type", "error");
            error.putObject("error")
                    .put("type", "api_error")
                    .put("message", Json.string(chunk.path("error"), "message"));
            emit(error);
            return taken();
        }
        if (!started) {
            started = true;
            ObjectNode message = MessagesOnChat.head(chunk);
            message.set("usage", usage);
            ObjectNode event = Json.object().put("type", "message_start");
            event.set("message", message);
            emit(event);
        }
        if (chunk.path("usage").isObject()) {
            usage = MessagesOnChat.usage(chunk.path("usage"));
        }
        JsonNode choice = chunk.path("choices").path(0);
        String text = Json.string(choice.path("delta"), "content");
        if (!text.isEmpty()) {
            if (!inText) {
                open(Json.object().put("type", "text").put("text", ""));
                inText = true;
            }
            delta(Json.object().put("type", "text_delta").put("text", text));
        }
        choice.path("delta").path("tool_calls").forEach(this::toolCall);
        String finish = Json.string(choice, "finish_reason");
        if (!finish.isEmpty()) {
            stop = MessagesOnChat.stopReason(finish);
        }
        return taken();
    }

    @Override
    public byte[] finish() {
        return new byte[0];
    }

    @Override
    public boolean hasEnded() {
        return ended;
    }

    private void toolCall(JsonNode call) {
        int index = call.path("index").asInt(0);
        if (index != tool || inText || block < 0) {
            tool = index;
            ObjectNode content = Json.object().put("type", "tool_use").put("id", Json.string(call, "id"));
            content.put("name", Json.string(call.path("function"), "name")).putObject("input");
            open(content);
            inText = false;
        }
        String arguments = Json.string(call.path("function"), "arguments");
        if (!arguments.isEmpty()) {
            delta(Json.object().put("type", "input_json_delta").put("partial_json", arguments));
        }
    }

    private void open(ObjectNode content) {
        close();
        block++;
        ObjectNode event = Json.object().put("type", "content_block_start").put("index", block);
        event.set("content_block", content);
        emit(event);
    }

    private void delta(ObjectNode delta) {
        ObjectNode event = Json.object().put("type", "content_block_delta").put("index", block);
        event.set("delta", delta);
        emit(event);
    }

    private void close() {
        if (block >= 0) {
            emit(Json.object().put("type", "content_block_stop").put("index", block));
        }
    }

    private void end() {
        close();
        ObjectNode event = Json.object().put("type", "message_delta");
        event.putObject("delta")
                .put("stop_reason", stop.isEmpty() ? "end_turn" : stop)
                .putNull("stop_sequence");
        event.set("usage", usage);
        emit(event);
        emit(Json.object().put("type", "message_stop"));
        ended = true;
    }

    private void emit(ObjectNode event) {
        out.writeBytes(("event: " + Json.string(event, "type") + "\ndata: " + Json.text(event) + "\n\n")
                .getBytes(StandardCharsets.UTF_8));
    }

    private byte[] taken() {
        byte[] bytes = out.toByteArray();
        out.reset();
        return bytes;
    }
}
