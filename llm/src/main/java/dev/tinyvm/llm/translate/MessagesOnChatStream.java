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
    private final CallParts parts = new CallParts();
    private int tool = -1;
    private boolean inText;
    private boolean refused;
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
            throw ProviderError.inStream(chunk.path("error"));
        }
        if (!chunk.path("choices").isEmpty()) {
            // Azure sends its judgement of the prompt first, in a chunk without a name or a choice.
            start(chunk);
        }
        if (chunk.path("usage").isObject()) {
            usage = MessagesOnChat.usage(chunk.path("usage"));
        }
        JsonNode choice = chunk.path("choices").path(0);
        String text = ChatAnswer.said(choice.path("delta"));
        refused |= ChatAnswer.isRefusal(choice.path("delta"));
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
            stop = MessagesOnChat.stopReason(finish, tool >= 0);
        }
        return taken();
    }

    @Override
    public byte[] finish() {
        // Some servers leave the last line out.
        if (!ended && !stop.isEmpty()) {
            end();
        }
        return taken();
    }

    @Override
    public boolean hasEnded() {
        return ended;
    }

    private void toolCall(JsonNode call) {
        int number = parts.number(call);
        if (number < tool || (number == tool && inText)) {
            throw CallParts.late();
        }
        if (number > tool) {
            tool = number;
            ObjectNode content = Json.object().put("type", "tool_use").put("id", CallParts.id(call, number));
            content.put("name", Json.string(call.path("function"), "name")).putObject("input");
            open(content);
            inText = false;
        }
        String arguments = Json.string(call.path("function"), "arguments");
        if (!arguments.isEmpty()) {
            delta(Json.object().put("type", "input_json_delta").put("partial_json", arguments));
        }
    }

    private void start(JsonNode chunk) {
        if (started) {
            return;
        }
        started = true;
        ObjectNode message = MessagesOnChat.head(chunk);
        message.set("usage", usage);
        ObjectNode event = Json.object().put("type", "message_start");
        event.set("message", message);
        emit(event);
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
        start(Json.object());
        close();
        ObjectNode event = Json.object().put("type", "message_delta");
        event.putObject("delta")
                .put("stop_reason", refused ? "refusal" : stop.isEmpty() ? "end_turn" : stop)
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
