package dev.tinyvm.llm.script;

import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Json;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** A turn in a provider's words, plain or as the parts of a stream. Usage is always 10 tokens of input, 4 of them cached, and 5 of output. */
final class Speech {
    private final Turn turn;
    private final String model;

    Speech(Turn turn, String model) {
        this.turn = turn;
        this.model = model;
    }

    byte[] plain(Dialect dialect, boolean responses) {
        ObjectNode body = switch (dialect) {
            case OPENAI -> responses ? response("completed") : chat();
            case ANTHROPIC -> message();
            case GEMINI -> candidate(text(), true);
        };
        return Json.bytes(body);
    }

    List<byte[]> stream(Dialect dialect, boolean responses, boolean includeUsage) {
        List<byte[]> events = new ArrayList<>();
        switch (dialect) {
            case OPENAI -> {
                if (responses) {
                    responseEvents(events);
                } else {
                    chatEvents(events, includeUsage);
                }
            }
            case ANTHROPIC -> messageEvents(events);
            case GEMINI -> {
                for (String word : words()) {
                    events.add(data(candidate(word, false)));
                }
                events.add(data(candidate("", true)));
            }
        }
        return events;
    }

    private String text() {
        return turn instanceof Turn.Text(String text) ? text : "";
    }

    private List<String> words() {
        return text().isEmpty() ? List.of() : List.of(text().split("(?<= )", -1));
    }

    private ObjectNode chat() {
        ObjectNode body = chatHead("chat.completion");
        ObjectNode choice = body.putArray("choices").addObject();
        choice.put("index", 0);
        ObjectNode message = choice.putObject("message").put("role", "assistant");
        if (turn instanceof Turn.ToolCall call) {
            message.putNull("content");
            message.putArray("tool_calls").add(chatCall(call));
        } else {
            message.put("content", text());
        }
        choice.put("finish_reason", finish());
        body.set("usage", chatUsage());
        return body;
    }

    private String finish() {
        return turn instanceof Turn.ToolCall ? "tool_calls" : "stop";
    }

    private static ObjectNode chatCall(Turn.ToolCall call) {
        ObjectNode tool = Json.object().put("id", "call_1").put("type", "function");
        tool.putObject("function").put("name", call.name()).put("arguments", call.argumentsJson());
        return tool;
    }

    private void chatEvents(List<byte[]> events, boolean includeUsage) {
        if (turn instanceof Turn.ToolCall call) {
            ObjectNode delta = Json.object().put("role", "assistant").putNull("content");
            delta.putArray("tool_calls").add(chatCall(call).put("index", 0));
            events.add(data(chatChunk(delta, false, includeUsage)));
        } else {
            // As OpenAI does; its SDK refuses a stream whose first part names no role.
            events.add(data(chatChunk(Json.object().put("role", "assistant").put("content", ""), false, includeUsage)));
            for (String word : words()) {
                events.add(data(chatChunk(Json.object().put("content", word), false, includeUsage)));
            }
        }
        events.add(data(chatChunk(Json.object(), true, includeUsage)));
        if (includeUsage) {
            ObjectNode last = chatHead("chat.completion.chunk");
            last.putArray("choices");
            last.set("usage", chatUsage());
            events.add(data(last));
        }
        events.add("data: [DONE]\n\n".getBytes(StandardCharsets.UTF_8));
    }

    private ObjectNode chatChunk(ObjectNode delta, boolean last, boolean includeUsage) {
        ObjectNode chunk = chatHead("chat.completion.chunk");
        ObjectNode choice = chunk.putArray("choices").addObject();
        choice.put("index", 0).set("delta", delta);
        if (last) {
            choice.put("finish_reason", finish());
        } else {
            choice.putNull("finish_reason");
        }
        if (includeUsage) {
            chunk.putNull("usage");
        }
        return chunk;
    }

    private ObjectNode chatHead(String object) {
        return Json.object()
                .put("id", "chatcmpl-script")
                .put("object", object)
                .put("created", 1)
                .put("model", model);
    }

    private static ObjectNode chatUsage() {
        ObjectNode usage = Json.object()
                .put("prompt_tokens", 10)
                .put("completion_tokens", 5)
                .put("total_tokens", 15);
        usage.putObject("prompt_tokens_details").put("cached_tokens", 4);
        return usage;
    }

    private ObjectNode response(String status) {
        ObjectNode body =
                Json.object().put("id", "resp_script").put("object", "response").put("created_at", 1);
        body.put("status", status).put("model", model);
        if (!status.equals("completed")) {
            body.putArray("output");
            return body;
        }
        body.putArray("output").add(responseItem());
        ObjectNode usage = body.putObject("usage");
        usage.put("input_tokens", 10).put("output_tokens", 5).put("total_tokens", 15);
        usage.putObject("input_tokens_details").put("cached_tokens", 4);
        return body;
    }

    private ObjectNode responseItem() {
        if (turn instanceof Turn.ToolCall call) {
            return Json.object()
                    .put("type", "function_call")
                    .put("id", "fc_1")
                    .put("call_id", "call_1")
                    .put("name", call.name())
                    .put("arguments", call.argumentsJson())
                    .put("status", "completed");
        }
        ObjectNode item =
                Json.object().put("type", "message").put("id", "msg_1").put("role", "assistant");
        item.put("status", "completed");
        item.putArray("content").add(outputText(text()));
        return item;
    }

    private static ObjectNode outputText(String text) {
        ObjectNode part = Json.object().put("type", "output_text").put("text", text);
        part.putArray("annotations");
        return part;
    }

    private static ObjectNode ofItem(String type, String item) {
        return Json.object().put("type", type).put("item_id", item).put("output_index", 0);
    }

    private void responseEvents(List<byte[]> events) {
        ObjectNode created = Json.object().put("type", "response.created");
        created.set("response", response("in_progress"));
        events.add(named(created));
        // An item is announced empty, filled, closed: SDKs put their answer together between the two ends.
        ObjectNode item = responseItem().put("status", "in_progress");
        ObjectNode added =
                Json.object().put("type", "response.output_item.added").put("output_index", 0);
        added.set("item", item);
        if (turn instanceof Turn.ToolCall call) {
            item.put("arguments", "");
            events.add(named(added));
            events.add(named(
                    ofItem("response.function_call_arguments.delta", "fc_1").put("delta", call.argumentsJson())));
            events.add(named(
                    ofItem("response.function_call_arguments.done", "fc_1").put("arguments", call.argumentsJson())));
        } else {
            item.putArray("content");
            events.add(named(added));
            ObjectNode part = ofItem("response.content_part.added", "msg_1").put("content_index", 0);
            part.set("part", outputText(""));
            events.add(named(part));
            for (String word : words()) {
                events.add(named(ofItem("response.output_text.delta", "msg_1")
                        .put("content_index", 0)
                        .put("delta", word)));
            }
            events.add(named(ofItem("response.output_text.done", "msg_1")
                    .put("content_index", 0)
                    .put("text", text())));
            ObjectNode whole = ofItem("response.content_part.done", "msg_1").put("content_index", 0);
            whole.set("part", outputText(text()));
            events.add(named(whole));
        }
        ObjectNode done = Json.object().put("type", "response.output_item.done").put("output_index", 0);
        done.set("item", responseItem());
        events.add(named(done));
        ObjectNode completed = Json.object().put("type", "response.completed");
        completed.set("response", response("completed"));
        events.add(named(completed));
    }

    private ObjectNode message() {
        ObjectNode body = messageHead();
        body.withArray("content").add(block(true));
        body.put("stop_reason", stop());
        body.set("usage", messageUsage(5));
        return body;
    }

    private String stop() {
        return turn instanceof Turn.ToolCall ? "tool_use" : "end_turn";
    }

    private ObjectNode messageHead() {
        ObjectNode body =
                Json.object().put("id", "msg_script").put("type", "message").put("role", "assistant");
        body.put("model", model).putArray("content");
        body.putNull("stop_reason").putNull("stop_sequence");
        body.set("usage", messageUsage(1));
        return body;
    }

    private static ObjectNode messageUsage(int output) {
        return Json.object()
                .put("input_tokens", 6)
                .put("cache_read_input_tokens", 4)
                .put("cache_creation_input_tokens", 0)
                .put("output_tokens", output);
    }

    private ObjectNode block(boolean full) {
        if (turn instanceof Turn.ToolCall call) {
            ObjectNode block =
                    Json.object().put("type", "tool_use").put("id", "toolu_1").put("name", call.name());
            JsonNode arguments = full ? Json.parse(call.argumentsJson()) : null;
            block.set("input", arguments == null ? Json.object() : arguments);
            return block;
        }
        return Json.object().put("type", "text").put("text", full ? text() : "");
    }

    private void messageEvents(List<byte[]> events) {
        ObjectNode start = Json.object().put("type", "message_start");
        start.set("message", messageHead());
        events.add(named(start));
        ObjectNode open = Json.object().put("type", "content_block_start").put("index", 0);
        open.set("content_block", block(false));
        events.add(named(open));
        if (turn instanceof Turn.ToolCall call) {
            ObjectNode delta = Json.object().put("type", "content_block_delta").put("index", 0);
            delta.putObject("delta").put("type", "input_json_delta").put("partial_json", call.argumentsJson());
            events.add(named(delta));
        }
        for (String word : words()) {
            ObjectNode delta = Json.object().put("type", "content_block_delta").put("index", 0);
            delta.putObject("delta").put("type", "text_delta").put("text", word);
            events.add(named(delta));
        }
        events.add(named(Json.object().put("type", "content_block_stop").put("index", 0)));
        ObjectNode end = Json.object().put("type", "message_delta");
        end.putObject("delta").put("stop_reason", stop()).putNull("stop_sequence");
        end.putObject("usage").put("output_tokens", 5);
        events.add(named(end));
        events.add(named(Json.object().put("type", "message_stop")));
    }

    private ObjectNode candidate(String text, boolean last) {
        ObjectNode body = Json.object();
        ObjectNode candidate = body.putArray("candidates").addObject();
        ObjectNode content = candidate.putObject("content").put("role", "model");
        ObjectNode part = content.putArray("parts").addObject();
        if (last && turn instanceof Turn.ToolCall call) {
            JsonNode arguments = Json.parse(call.argumentsJson());
            part.putObject("functionCall")
                    .put("name", call.name())
                    .set("args", arguments == null ? Json.object() : arguments);
        } else {
            part.put("text", text);
        }
        if (last) {
            candidate.put("finishReason", "STOP");
        }
        candidate.put("index", 0);
        body.putObject("usageMetadata")
                .put("promptTokenCount", 10)
                .put("cachedContentTokenCount", 4)
                .put("candidatesTokenCount", last ? 5 : 1)
                .put("totalTokenCount", last ? 15 : 11);
        return body.put("modelVersion", model);
    }

    private static byte[] data(ObjectNode node) {
        return ("data: " + Json.text(node) + "\n\n").getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] named(ObjectNode node) {
        return ("event: " + Json.string(node, "type") + "\ndata: " + Json.text(node) + "\n\n")
                .getBytes(StandardCharsets.UTF_8);
    }
}
