package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.SseEvents;
import dev.tinyvm.llm.wire.Usage;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.MissingNode;

/** Each client on each foreign provider: a conversation with tools and an image, plain and streamed. */
@Timeout(120)
class TranslationTest {
    private static final Turn CALL = new Turn.ToolCall("ls", "{\"p\":2}");

    static Stream<Arguments> pairs() {
        List<Arguments> pairs = new ArrayList<>();
        for (Client client : Client.values()) {
            for (Dialect provider : Dialect.values()) {
                boolean same = (client == Client.CHAT && provider == Dialect.OPENAI)
                        || (client == Client.MESSAGES && provider == Dialect.ANTHROPIC)
                        || (client == Client.GEMINI && provider == Dialect.GEMINI);
                if (!same) {
                    pairs.add(Arguments.of(client, provider));
                }
            }
        }
        return pairs.stream();
    }

    /** An OpenAI provider has Chat Completions only here, so that Responses are translated too. */
    private static GatewayFixture gateway(ScriptedProvider provider, Dialect dialect) throws Exception {
        return GatewayFixture.of(GatewayFixture.config(new Provider(
                "main",
                List.of(dialect),
                false,
                URI.create(provider.url()),
                KeySource.NONE,
                Headers.none(),
                Provider.Timeouts.DEFAULT,
                GatewayFixture.QUICK,
                64)));
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void aConversationWithToolsAndAnImageIsTranslated(Client client, Dialect dialect) throws Exception {
        try (var provider = ScriptedProvider.of(CALL, new Turn.Text("two words"));
                var gateway = gateway(provider, dialect)) {
            JsonNode call =
                    json(gateway.post(client.path(false), client.body(false)).body());
            client.checkCall(call);
            checkAsked(dialect, json(provider.seen().getFirst().body()));
            JsonNode text =
                    json(gateway.post(client.path(false), client.body(false)).body());
            assertThat(client.saidBy(text)).isEqualTo("two words");
            GatewayFixture.await(() -> gateway.used.size() == 2);
            assertThat(gateway.used.getFirst().usage()).isEqualTo(new Usage(10, 4, 0, 5, false));
        }
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void aStreamIsTranslatedEventByEvent(Client client, Dialect dialect) throws Exception {
        try (var provider = ScriptedProvider.of(CALL, new Turn.Text("two words"));
                var gateway = gateway(provider, dialect)) {
            String call = gateway.post(client.path(true), client.body(true)).body();
            assertThat(call).contains("ls");
            assertThat(client.argumentsIn(events(call))).isEqualTo("{\"p\":2}");
            String text = gateway.post(client.path(true), client.body(true)).body();
            List<String> parts = client.partsIn(events(text));
            assertThat(parts).containsExactly("two ", "words");
            client.checkEnd(text, call);
            GatewayFixture.await(() -> gateway.used.size() == 2);
            assertThat(gateway.used.getFirst().usage()).isEqualTo(new Usage(10, 4, 0, 5, false));
        }
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void theProvidersErrorIsToldInTheClientsDialect(Client client, Dialect dialect) throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Refusal(400, ""));
                var gateway = gateway(provider, dialect)) {
            var answer = gateway.post(client.path(false), client.body(false));
            assertThat(answer.statusCode()).isEqualTo(400);
            assertThat(answer.body())
                    .contains("scripted 400")
                    .contains(
                            switch (client) {
                                case CHAT, RESPONSES -> "\"type\":\"invalid_request_error\",\"param\":null";
                                case MESSAGES -> "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\"";
                                case GEMINI -> "\"status\":\"INVALID_ARGUMENT\"";
                            });
        }
    }

    @Test
    void whatCannotBeSaidIsRefusedWithItsName() throws Exception {
        String[][] refused = {
            {"ANTHROPIC", "/v1/chat/completions", "\"n\":2", "n above 1"},
            {"ANTHROPIC", "/v1/chat/completions", "\"tools\":[{\"type\":\"custom\"}]", "'custom'"},
            {"GEMINI", "/v1/chat/completions", "\"logprobs\":true", "logprobs"},
            {"OPENAI", "/v1/responses", "\"input\":\"x\",\"previous_response_id\":\"r\"", "previous_response_id"},
            {"OPENAI", "/v1/responses", "\"input\":\"x\",\"tools\":[{\"type\":\"web_search\"}]", "'web_search'"},
            {"OPENAI", "/v1/messages", "\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"}]", "bash_20250124"},
            {
                "OPENAI",
                "/v1beta/models/m1:generateContent",
                "\"contents\":[],\"tools\":[{\"googleSearch\":{}}]",
                "'googleSearch'"
            },
            {"OPENAI", "/v1beta/models/m1:streamGenerateContent", "\"contents\":[]", "alt=sse"},
        };
        for (String[] each : refused) {
            try (var provider = ScriptedProvider.of(CALL);
                    var gateway = gateway(provider, Dialect.valueOf(each[0]))) {
                var answer = gateway.post(each[1], "{\"model\":\"m1\",\"messages\":[]," + each[2] + "}");
                assertThat(answer.statusCode()).as(each[2]).isEqualTo(400);
                assertThat(answer.body()).contains(each[3]);
                assertThat(provider.seen()).isEmpty();
            }
        }
    }

    private static void checkAsked(Dialect dialect, JsonNode asked) {
        switch (dialect) {
            case OPENAI -> {
                JsonNode messages = asked.path("messages");
                assertThat(messages.path(0)).isEqualTo(json("{\"role\":\"system\",\"content\":\"be brief\"}"));
                assertThat(messages.path(1)
                                .path("content")
                                .path(1)
                                .path("image_url")
                                .path("url")
                                .asString(""))
                        .isEqualTo("data:image/png;base64,AAAA");
                assertThat(messages.path(2).path("content").asString("")).isEqualTo("so");
                JsonNode call = messages.path(2).path("tool_calls").path(0);
                assertThat(call.path("function").path("arguments").asString("")).isEqualTo("{\"p\":1}");
                assertThat(messages.path(3).path("tool_call_id").asString(""))
                        .isEqualTo(call.path("id").asString(""));
                assertThat(messages.path(3).path("content").asString("")).contains("a.txt");
                assertThat(asked.path("tools").path(0).path("function").path("parameters"))
                        .isEqualTo(json(Tool.SCHEMA));
                assertThat(asked.path("tool_choice").asString("")).isEqualTo("required");
                assertThat(asked.path("max_tokens").asInt(0)).isEqualTo(9);
            }
            case ANTHROPIC -> {
                assertThat(asked.path("system").asString("")).isEqualTo("be brief");
                JsonNode messages = asked.path("messages");
                assertThat(messages.size()).isEqualTo(3);
                assertThat(messages.path(0)
                                .path("content")
                                .path(1)
                                .path("source")
                                .path("data")
                                .asString(""))
                        .isEqualTo("AAAA");
                assertThat(messages.path(1)
                                .path("content")
                                .path(1)
                                .path("input")
                                .path("p")
                                .asInt(0))
                        .isEqualTo(1);
                JsonNode result = messages.path(2).path("content").path(0);
                assertThat(result.path("type").asString("")).isEqualTo("tool_result");
                assertThat(result.path("tool_use_id").asString(""))
                        .isEqualTo(messages.path(1)
                                .path("content")
                                .path(1)
                                .path("id")
                                .asString(""));
                assertThat(asked.path("tools").path(0).path("input_schema")).isEqualTo(json(Tool.SCHEMA));
                assertThat(asked.path("tool_choice").path("type").asString("")).isEqualTo("any");
                assertThat(asked.path("max_tokens").asInt(0)).isEqualTo(9);
                assertThat(asked.path("temperature").asDouble(1)).isLessThanOrEqualTo(1);
            }
            case GEMINI -> {
                assertThat(asked.path("systemInstruction")
                                .path("parts")
                                .path(0)
                                .path("text")
                                .asString(""))
                        .isEqualTo("be brief");
                JsonNode contents = asked.path("contents");
                assertThat(contents.path(0)
                                .path("parts")
                                .path(1)
                                .path("inlineData")
                                .path("data")
                                .asString(""))
                        .isEqualTo("AAAA");
                assertThat(contents.path(1).path("role").asString("")).isEqualTo("model");
                assertThat(contents.path(1)
                                .path("parts")
                                .path(1)
                                .path("functionCall")
                                .path("args")
                                .path("p")
                                .asInt(0))
                        .isEqualTo(1);
                JsonNode response = contents.path(2).path("parts").path(0).path("functionResponse");
                assertThat(response.path("name").asString("")).isEqualTo("ls");
                assertThat(response.path("response").path("result").asString(""))
                        .isEqualTo("a.txt");
                assertThat(asked.path("toolConfig")
                                .path("functionCallingConfig")
                                .path("mode")
                                .asString(""))
                        .isEqualTo("ANY");
                assertThat(asked.path("generationConfig")
                                .path("maxOutputTokens")
                                .asInt(0))
                        .isEqualTo(9);
            }
        }
    }

    private static List<JsonNode> events(String stream) throws Exception {
        List<JsonNode> events = new ArrayList<>();
        byte[] bytes = stream.getBytes(StandardCharsets.UTF_8);
        new SseEvents().feed(bytes, 0, bytes.length, (b, start, end) -> {
            JsonNode node = Json.parse(SseEvents.data(b, start, end));
            if (node != null) {
                events.add(node);
            }
        });
        return events;
    }

    private static JsonNode json(String text) {
        JsonNode node = Json.parse(text);
        return node == null ? MissingNode.getInstance() : node;
    }
}
