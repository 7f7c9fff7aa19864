package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.SseEvents;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.MissingNode;
import tools.jackson.databind.node.ObjectNode;

/** The chunks of a streamed chat completion as the events of a streamed response. For one answer, on one thread. */
final class ResponsesOnChatStream implements Translation.EventStream {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(512);
    private final ArrayNode output = Json.array();
    private @Nullable ResponseWords words;
    private int sequence;
    private final StringBuilder text = new StringBuilder();
    private final StringBuilder arguments = new StringBuilder();
    private String callId = "";
    private String callName = "";
    private final CallParts parts = new CallParts();
    private int tool = -1;
    private Open open = Open.NOTHING;
    private String finish = "";
    private JsonNode usage = MissingNode.getInstance();
    private boolean ended;

    private enum Open {
        NOTHING,
        TEXT,
        CALL
    }

    @Override
    public byte[] event(byte[] bytes, int start, int end) {
        byte[] data = SseEvents.data(bytes, start, end);
        JsonNode chunk = Json.parse(data);
        if (chunk != null) {
            take(chunk);
        } else if (new String(data, StandardCharsets.UTF_8).equals("[DONE]") && words != null) {
            end(words);
        }
        return taken();
    }

    private byte[] taken() {
        byte[] taken = out.toByteArray();
        out.reset();
        return taken;
    }

    private void take(JsonNode chunk) {
        if (chunk.path("error").isObject()) {
            throw ProviderError.inStream(chunk.path("error"));
        }
        ResponseWords known = words;
        if (known == null) {
            if (chunk.path("choices").isEmpty()) {
                // Azure sends its judgement of the prompt first, in a chunk without a name or a choice.
                return;
            }
            known = new ResponseWords(Json.string(chunk, "id"), Json.string(chunk, "model"));
            words = known;
            for (String type : new String[] {"response.created", "response.in_progress"}) {
                ObjectNode event = event(type);
                event.set("response", known.response("in_progress", "", Json.array(), MissingNode.getInstance()));
                emit(event);
            }
        }
        if (chunk.path("usage").isObject()) {
            usage = chunk.path("usage");
        }
        JsonNode choice = chunk.path("choices").path(0);
        String said = ChatAnswer.said(choice.path("delta"));
        if (!said.isEmpty()) {
            text(known, said);
        }
        for (JsonNode call : choice.path("delta").path("tool_calls")) {
            call(known, call);
        }
        String reason = Json.string(choice, "finish_reason");
        if (!reason.isEmpty()) {
            finish = reason;
        }
    }

    private void text(ResponseWords known, String said) {
        if (open != Open.TEXT) {
            close(known);
            open = Open.TEXT;
            text.setLength(0);
            added(known.message(output.size(), "", "in_progress"));
            ObjectNode part = inText(known, "response.content_part.added");
            part.set("part", ResponseWords.text(""));
            emit(part);
        }
        text.append(said);
        ObjectNode delta = inText(known, "response.output_text.delta").put("delta", said);
        delta.putArray("logprobs");
        emit(delta);
    }

    private void call(ResponseWords known, JsonNode call) {
        int number = parts.number(call);
        if (number < tool || (number == tool && open != Open.CALL)) {
            throw CallParts.late();
        }
        if (number > tool) {
            close(known);
            open = Open.CALL;
            tool = number;
            arguments.setLength(0);
            callId = CallParts.id(call, number);
            callName = Json.string(call.path("function"), "name");
            added(known.call(output.size(), callId, callName, "", "in_progress"));
        }
        String more = Json.string(call.path("function"), "arguments");
        if (!more.isEmpty()) {
            arguments.append(more);
            emit(inCall(known, "response.function_call_arguments.delta").put("delta", more));
        }
    }

    private void close(ResponseWords known) {
        switch (open) {
            case NOTHING -> {
                // Nothing to end.
            }
            case TEXT -> {
                String said = text.toString();
                ObjectNode done = inText(known, "response.output_text.done").put("text", said);
                done.putArray("logprobs");
                emit(done);
                ObjectNode part = inText(known, "response.content_part.done");
                part.set("part", ResponseWords.text(said));
                emit(part);
                done(known.message(output.size(), said, "completed"));
            }
            case CALL -> {
                String all = arguments.toString();
                emit(inCall(known, "response.function_call_arguments.done")
                        .put("name", callName)
                        .put("arguments", all));
                done(known.call(output.size(), callId, callName, all, "completed"));
            }
        }
        open = Open.NOTHING;
    }

    private void end(ResponseWords known) {
        close(known);
        String status = ResponseWords.status(finish);
        ObjectNode event = event("response." + status);
        event.set("response", known.response(status, finish, output, usage));
        emit(event);
        ended = true;
    }

    private void added(ObjectNode item) {
        ObjectNode event = event("response.output_item.added").put("output_index", output.size());
        event.set("item", item);
        emit(event);
    }

    private void done(ObjectNode item) {
        ObjectNode event = event("response.output_item.done").put("output_index", output.size());
        event.set("item", item);
        output.add(item);
        emit(event);
    }

    private ObjectNode inText(ResponseWords known, String type) {
        return event(type)
                .put("item_id", known.itemId("msg", output.size()))
                .put("output_index", output.size())
                .put("content_index", 0);
    }

    private ObjectNode inCall(ResponseWords known, String type) {
        return event(type).put("item_id", known.itemId("fc", output.size())).put("output_index", output.size());
    }

    private ObjectNode event(String type) {
        return Json.object().put("type", type).put("sequence_number", sequence++);
    }

    private void emit(ObjectNode event) {
        out.writeBytes(("event: " + Json.string(event, "type") + "\ndata: " + Json.text(event) + "\n\n")
                .getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public byte[] finish() {
        ResponseWords known = words;
        // Some servers leave the last line out.
        if (!ended && known != null && !finish.isEmpty()) {
            end(known);
        }
        return taken();
    }

    @Override
    public boolean hasEnded() {
        return ended;
    }
}
