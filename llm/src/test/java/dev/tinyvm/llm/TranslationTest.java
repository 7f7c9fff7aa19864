package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Usage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class TranslationTest {
    private static final String REQUEST = "{\"model\":\"m1\",\"max_tokens\":9,\"system\":\"be brief\",\"messages\":["
            + "{\"role\":\"user\",\"content\":\"hi\"},"
            + "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"so\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"ls\",\"input\":{\"p\":1}}]},"
            + "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"a.txt\"}]}],"
            + "\"tools\":[{\"name\":\"ls\",\"description\":\"lists\",\"input_schema\":{\"type\":\"object\"}}]";
    private static final Turn CALL = new Turn.ToolCall("ls", "{\"p\":2}");

    @Test
    void anAnthropicClientUsesToolsOfAnOpenAiProvider() throws Exception {
        try (var provider = ScriptedProvider.of(CALL, new Turn.Text("two words"));
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            String call = gateway.post("/v1/messages", REQUEST + "}").body();
            assertThat(call)
                    .contains("\"type\":\"tool_use\",\"id\":\"call_1\",\"name\":\"ls\",\"input\":{\"p\":2}")
                    .contains("\"stop_reason\":\"tool_use\"")
                    .contains("\"input_tokens\":6");
            assertThat(provider.seen().getFirst().target()).isEqualTo("/v1/chat/completions");
            assertThat(provider.seen().getFirst().body())
                    .contains("{\"role\":\"system\",\"content\":\"be brief\"}")
                    .contains("{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":\"a.txt\"}")
                    .contains("\"arguments\":\"{\\\"p\\\":1}\"")
                    .contains("\"parameters\":{\"type\":\"object\"}");
            assertThat(gateway.post("/v1/messages", REQUEST + "}").body()).contains("\"text\":\"two words\"");
            GatewayFixture.await(() -> gateway.used.size() == 2);
            assertThat(gateway.used.getFirst().usage()).isEqualTo(new Usage(10, 4, 0, 5, false));
        }
    }

    @Test
    void aStreamIsTranslatedEventByEvent() throws Exception {
        try (var provider = ScriptedProvider.of(CALL, new Turn.Text("two words"));
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            String call =
                    gateway.post("/v1/messages", REQUEST + ",\"stream\":true}").body();
            assertThat(call)
                    .startsWith("event: message_start\n")
                    .contains(
                            "\"content_block\":{\"type\":\"tool_use\",\"id\":\"call_1\",\"name\":\"ls\",\"input\":{}}")
                    .contains("\"partial_json\":\"{\\\"p\\\":2}\"")
                    .contains("\"stop_reason\":\"tool_use\"")
                    .endsWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
            String text =
                    gateway.post("/v1/messages", REQUEST + ",\"stream\":true}").body();
            assertThat(text)
                    .containsSubsequence(
                            "\"text\":\"two \"", "\"text\":\"words\"", "content_block_stop", "\"output_tokens\":5");
        }
    }

    @Test
    void theProvidersErrorIsToldInTheClientsDialect() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Refusal(400, ""));
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            var answer = gateway.post("/v1/messages", REQUEST + "}");
            assertThat(answer.statusCode()).isEqualTo(400);
            assertThat(answer.body())
                    .contains("\"type\":\"error\"")
                    .contains("invalid_request_error")
                    .contains("scripted 400");
        }
    }
}
