package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.wire.Json;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** A client of each dialect: its words in a conversation in which the tool was called once already, and what it makes of the answers. */
enum Client {
    CHAT(
            "/v1/chat/completions",
            "{\"model\":\"m1\",\"max_completion_tokens\":9,\"temperature\":1.5,\"stop\":\"END\",\"messages\":["
                    + "{\"role\":\"system\",\"content\":\"be brief\"},"
                    + "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"},"
                    + "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}]},"
                    + "{\"role\":\"assistant\",\"content\":\"so\",\"tool_calls\":[{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"ls\",\"arguments\":\"{\\\"p\\\":1}\"}}]},"
                    + "{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":\"a.txt\"}],"
                    + "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"ls\",\"description\":\"lists\",\"parameters\":"
                    + Tool.SCHEMA + "}}],\"tool_choice\":\"required\""),
    RESPONSES(
            "/v1/responses",
            "{\"model\":\"m1\",\"max_output_tokens\":9,\"instructions\":\"be brief\",\"input\":["
                    + "{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"},"
                    + "{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,AAAA\"}]},"
                    + "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"so\"}]},"
                    + "{\"type\":\"function_call\",\"call_id\":\"t1\",\"name\":\"ls\",\"arguments\":\"{\\\"p\\\":1}\"},"
                    + "{\"type\":\"function_call_output\",\"call_id\":\"t1\",\"output\":\"a.txt\"}],"
                    + "\"tools\":[{\"type\":\"function\",\"name\":\"ls\",\"description\":\"lists\",\"parameters\":"
                    + Tool.SCHEMA + "}],\"tool_choice\":\"required\""),
    MESSAGES(
            "/v1/messages",
            "{\"model\":\"m1\",\"max_tokens\":9,\"system\":\"be brief\",\"messages\":["
                    + "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"},"
                    + "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"AAAA\"}}]},"
                    + "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"so\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"ls\",\"input\":{\"p\":1}}]},"
                    + "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"a.txt\"}]}],"
                    + "\"tools\":[{\"name\":\"ls\",\"description\":\"lists\",\"input_schema\":" + Tool.SCHEMA
                    + "}],\"tool_choice\":{\"type\":\"any\"}"),
    GEMINI(
            "/v1beta/models/m1:generateContent",
            "{\"systemInstruction\":{\"parts\":[{\"text\":\"be brief\"}]},\"generationConfig\":{\"maxOutputTokens\":9},\"contents\":["
                    + "{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"},{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AAAA\"}}]},"
                    + "{\"role\":\"model\",\"parts\":[{\"text\":\"so\"},{\"functionCall\":{\"name\":\"ls\",\"args\":{\"p\":1}}}]},"
                    + "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"ls\",\"response\":{\"result\":\"a.txt\"}}}]}],"
                    + "\"tools\":[{\"functionDeclarations\":[{\"name\":\"ls\",\"description\":\"lists\",\"parameters\":"
                    + "{\"type\":\"OBJECT\",\"properties\":{\"p\":{\"type\":\"NUMBER\"}}}}]}],"
                    + "\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"ANY\"}}");

    private final String path;
    private final String request;

    Client(String path, String request) {
        this.path = path;
        this.request = request;
    }

    String path(boolean streams) {
        return this == GEMINI && streams ? "/v1beta/models/m1:streamGenerateContent?alt=sse" : path;
    }

    String body(boolean streams) {
        return request + (streams && this != GEMINI ? ",\"stream\":true}" : "}");
    }

    void checkCall(JsonNode answer) {
        switch (this) {
            case CHAT -> {
                JsonNode choice = answer.path("choices").path(0);
                JsonNode call = choice.path("message").path("tool_calls").path(0);
                assertThat(call.path("function").path("name").asString("")).isEqualTo("ls");
                assertThat(call.path("function").path("arguments").asString("")).isEqualTo("{\"p\":2}");
                assertThat(call.path("id").asString("")).isNotEmpty();
                assertThat(choice.path("finish_reason").asString("")).isEqualTo("tool_calls");
                assertThat(answer.path("usage").path("prompt_tokens").asInt(0)).isEqualTo(10);
            }
            case RESPONSES -> {
                JsonNode call = answer.path("output").path(0);
                assertThat(call.path("type").asString("")).isEqualTo("function_call");
                assertThat(call.path("arguments").asString("")).isEqualTo("{\"p\":2}");
                assertThat(call.path("call_id").asString("")).isNotEmpty();
                assertThat(answer.path("status").asString("")).isEqualTo("completed");
                assertThat(answer.path("usage").path("input_tokens").asInt(0)).isEqualTo(10);
            }
            case MESSAGES -> {
                JsonNode call = answer.path("content").path(0);
                assertThat(call.path("type").asString("")).isEqualTo("tool_use");
                assertThat(call.path("input").path("p").asInt(0)).isEqualTo(2);
                assertThat(answer.path("stop_reason").asString("")).isEqualTo("tool_use");
                assertThat(answer.path("usage").path("input_tokens").asInt(0)).isEqualTo(6);
            }
            case GEMINI -> {
                JsonNode candidate = answer.path("candidates").path(0);
                JsonNode call = candidate.path("content").path("parts").path(0).path("functionCall");
                assertThat(call.path("args").path("p").asInt(0)).isEqualTo(2);
                assertThat(candidate.path("finishReason").asString("")).isEqualTo("STOP");
                assertThat(answer.path("usageMetadata").path("promptTokenCount").asInt(0))
                        .isEqualTo(10);
            }
        }
    }

    String saidBy(JsonNode answer) {
        return switch (this) {
            case CHAT ->
                answer.path("choices").path(0).path("message").path("content").asString("");
            case RESPONSES ->
                answer.path("output")
                        .path(0)
                        .path("content")
                        .path(0)
                        .path("text")
                        .asString("");
            case MESSAGES -> answer.path("content").path(0).path("text").asString("");
            case GEMINI ->
                answer.path("candidates")
                        .path(0)
                        .path("content")
                        .path("parts")
                        .path(0)
                        .path("text")
                        .asString("");
        };
    }

    List<String> partsIn(List<JsonNode> events) {
        return events.stream()
                .map(event -> switch (this) {
                    case CHAT ->
                        event.path("choices")
                                .path(0)
                                .path("delta")
                                .path("content")
                                .asString("");
                    case RESPONSES ->
                        event.path("type").asString("").equals("response.output_text.delta")
                                ? event.path("delta").asString("")
                                : "";
                    case MESSAGES -> event.path("delta").path("text").asString("");
                    case GEMINI -> saidBy(event);
                })
                .filter(part -> !part.isEmpty())
                .toList();
    }

    String argumentsIn(List<JsonNode> events) {
        StringBuilder all = new StringBuilder();
        for (JsonNode event : events) {
            switch (this) {
                case CHAT ->
                    all.append(event.path("choices")
                            .path(0)
                            .path("delta")
                            .path("tool_calls")
                            .path(0)
                            .path("function")
                            .path("arguments")
                            .asString(""));
                case RESPONSES -> {
                    if (event.path("type").asString("").equals("response.function_call_arguments.delta")) {
                        all.append(event.path("delta").asString(""));
                    }
                }
                case MESSAGES ->
                    all.append(event.path("delta").path("partial_json").asString(""));
                case GEMINI -> {
                    JsonNode call = event.path("candidates")
                            .path(0)
                            .path("content")
                            .path("parts")
                            .path(0)
                            .path("functionCall")
                            .path("args");
                    if (call.isObject()) {
                        all.append(Json.text(call));
                    }
                }
            }
        }
        return all.toString();
    }

    void checkEnd(String text, String call) {
        switch (this) {
            case CHAT -> {
                assertThat(text).endsWith("data: [DONE]\n\n").contains("\"finish_reason\":\"stop\"");
                assertThat(call).contains("\"finish_reason\":\"tool_calls\"");
                // The client did not ask for it.
                assertThat(text).doesNotContain("prompt_tokens");
            }
            case RESPONSES ->
                assertThat(text)
                        .containsSubsequence(
                                "response.created",
                                "response.output_item.added",
                                "response.content_part.added",
                                "response.output_text.done",
                                "response.output_item.done",
                                "response.completed",
                                "\"input_tokens\":10");
            case MESSAGES ->
                assertThat(text)
                        .startsWith("event: message_start\n")
                        .endsWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
                        .containsSubsequence("content_block_stop", "\"output_tokens\":5");
            case GEMINI ->
                assertThat(text).contains("\"finishReason\":\"STOP\"").contains("\"promptTokenCount\":10");
        }
    }
}
