package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.http.Answer;
import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Json;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;

/** Counts of tokens and embeddings, in each dialect on each provider. */
@Timeout(120)
class CountAndEmbeddingsTest {
    private static final String MESSAGES =
            "{\"model\":\"m1\",\"system\":\"be brief\",\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}],"
                    + "\"tools\":[{\"name\":\"ls\",\"input_schema\":{\"type\":\"object\"}}]}";
    private static final String CONTENTS = "{\"contents\":[{\"parts\":[{\"text\":\"hello there\"}]}]}";

    private static JsonNode json(String text) {
        return Objects.requireNonNull(Json.parse(text));
    }

    @Test
    void anAnthropicCountIsAskedOfGeminiAsAWholeRequest() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Text("x"));
                var gateway = GatewayFixture.to(provider.url(), Dialect.GEMINI)) {
            var answer = gateway.post("/v1/messages/count_tokens", MESSAGES);
            assertThat(answer.body()).isEqualTo("{\"input_tokens\":10}");
            assertThat(answer.headers().firstValue("X-TinyVM-Estimated")).isEmpty();
            assertThat(provider.seen().getFirst().target()).isEqualTo("/v1beta/models/m1:countTokens");
            JsonNode asked = json(provider.seen().getFirst().body()).path("generateContentRequest");
            assertThat(asked.path("model").asString("")).isEqualTo("models/m1");
            assertThat(asked.has("systemInstruction") && asked.has("tools")).isTrue();
        }
    }

    @Test
    void aGeminiCountIsAskedOfAnthropicWithoutWhatItDoesNotTake() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Text("x"));
                var gateway = GatewayFixture.to(provider.url(), Dialect.ANTHROPIC)) {
            for (String body : List.of(CONTENTS, "{\"generateContentRequest\":" + CONTENTS + "}")) {
                assertThat(gateway.post("/v1beta/models/m1:countTokens", body).body())
                        .isEqualTo("{\"totalTokens\":10}");
                assertThat(provider.seen().getLast().target()).isEqualTo("/v1/messages/count_tokens");
                assertThat(json(provider.seen().getLast().body()).propertyNames())
                        .containsExactlyInAnyOrder("model", "messages");
            }
        }
    }

    @Test
    void whereNobodyCanCountItIsGuessedAndSaidToBe() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Text("x"));
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            var answer = gateway.post("/v1/messages/count_tokens", MESSAGES);
            // (8 + 11 + 2 + 17 bytes) / 4, and 4 for each of the two messages
            assertThat(answer.body()).isEqualTo("{\"input_tokens\":17}");
            assertThat(answer.headers().firstValue("X-TinyVM-Estimated")).contains("true");
            var gemini = gateway.post("/v1beta/models/m1:countTokens", CONTENTS);
            assertThat(gemini.body()).isEqualTo("{\"totalTokens\":6}");
            var picture = gateway.post(
                    "/v1/messages/count_tokens",
                    "{\"model\":\"m1\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\""
                            + "A".repeat(100_000) + "\"}}]}]}");
            assertThat(picture.body()).isEqualTo("{\"input_tokens\":1004}");
            assertThat(gateway.post("/v1/messages/count_tokens", "{\"model\":\"m1\"}")
                            .statusCode())
                    .isEqualTo(400);
            assertThat(provider.seen()).isEmpty();
            assertThat(gateway.used).isEmpty();
        }
    }

    @Test
    void openAiEmbeddingsComeFromGeminiAsFloatsAndAsBase64() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Text("x"));
                var gateway = GatewayFixture.to(provider.url(), Dialect.GEMINI)) {
            JsonNode floats = json(gateway.post(
                            "/v1/embeddings", "{\"model\":\"m1\",\"input\":[\"one\",\"twotwo!!!\"],\"dimensions\":2}")
                    .body());
            assertThat(floats.path("data").path(1).path("index").asInt(0)).isEqualTo(1);
            assertThat(Json.text(floats.path("data").path(1).path("embedding"))).isEqualTo("[0.5,-1.25]");
            assertThat(floats.path("usage").path("prompt_tokens").asInt(0)).isEqualTo(3);
            assertThat(provider.seen().getFirst().target()).isEqualTo("/v1beta/models/m1:batchEmbedContents");
            assertThat(json(provider.seen().getFirst().body())
                            .path("requests")
                            .path(0)
                            .path("outputDimensionality")
                            .asInt(0))
                    .isEqualTo(2);
            JsonNode coded = json(gateway.post(
                            "/v1/embeddings", "{\"model\":\"m1\",\"input\":\"one\",\"encoding_format\":\"base64\"}")
                    .body());
            ByteBuffer bytes = ByteBuffer.wrap(Base64.getDecoder()
                            .decode(coded.path("data").path(0).path("embedding").asString("")))
                    .order(ByteOrder.LITTLE_ENDIAN);
            assertThat(bytes.getFloat()).isEqualTo(0.5f);
            assertThat(bytes.getFloat()).isEqualTo(-1.25f);
            assertThat(gateway.post("/v1/embeddings", "{\"model\":\"m1\",\"input\":[1,2]}")
                            .body())
                    .contains("send the text");
            // Vectors are no output.
            assertThat(gateway.used.getFirst().usage().outputTokens()).isZero();
        }
    }

    @Test
    void geminiEmbeddingsComeFromOpenAiOneAndMany() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Text("x"));
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            assertThat(gateway.post(
                                    "/v1beta/models/m1:embedContent",
                                    "{\"content\":{\"parts\":[{\"text\":\"one\"}]},\"task_type\":\"RETRIEVAL_QUERY\",\"output_dimensionality\":2}")
                            .body())
                    .isEqualTo("{\"embedding\":{\"values\":[0.5,-1.25]}}");
            assertThat(provider.seen().getFirst().body())
                    .isEqualTo("{\"model\":\"m1\",\"input\":[\"one\"],\"dimensions\":2,\"encoding_format\":\"float\"}");
            String two =
                    "{\"requests\":[{\"model\":\"models/m1\",\"content\":{\"parts\":[{\"text\":\"a\"}]}},{\"model\":\"models/m1\",\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}";
            assertThat(gateway.post("/v1beta/models/m1:batchEmbedContents", two).body())
                    .isEqualTo("{\"embeddings\":[{\"values\":[0.5,-1.25]},{\"values\":[0.5,-1.25]}]}");
        }
    }

    @Test
    void anthropicHasNoEmbeddingsAndTheClientHearsSoInItsDialect() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Text("x"));
                var gateway = GatewayFixture.to(provider.url(), Dialect.ANTHROPIC)) {
            JsonNode openAi = json(gateway.post("/v1/embeddings", "{\"model\":\"m1\",\"input\":\"x\"}")
                    .body());
            assertThat(openAi.path("error").path("message").asString(""))
                    .contains("nothing like embeddings")
                    .contains("OpenAI or Gemini");
            assertThat(openAi.path("error").path("type").asString("")).isEqualTo("invalid_request_error");
            JsonNode gemini = json(gateway.post("/v1beta/models/m1:embedContent", "{\"content\":{}}")
                    .body());
            assertThat(gemini.path("error").path("status").asString("")).isEqualTo("INVALID_ARGUMENT");
        }
    }

    @Test
    void anAliasIsReplacedWhereverAGeminiBodyRepeatsIt() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Text("x"))) {
            GatewayConfig config = GatewayConfig.of(
                    List.of(GatewayFixture.provider("main", Dialect.GEMINI, provider.url())),
                    List.of(new Route(new Glob("mine"), List.of(new Route.Target("main", "theirs")))),
                    List.of());
            try (var gateway = GatewayFixture.of(config)) {
                gateway.post(
                        "/v1beta/models/mine:batchEmbedContents",
                        "{\"requests\":[{\"model\":\"models/mine\",\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}");
                assertThat(provider.seen().getFirst().target()).isEqualTo("/v1beta/models/theirs:batchEmbedContents");
                assertThat(provider.seen().getFirst().body())
                        .contains("models/theirs")
                        .doesNotContain("mine");
            }
        }
    }

    @Test
    void anErrorWithinATranslatedStreamIsToldOnceInTheClientsDialect() throws Exception {
        try (var provider = new HalfAnswer(
                        "data: {\"type\":\"message_start\",\"message\":{\"id\":\"i\",\"model\":\"m\",\"usage\":{\"input_tokens\":3}}}\n\n",
                        "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"too busy\"}}\n\n");
                var gateway = GatewayFixture.to(provider.url(), Dialect.ANTHROPIC)) {
            String[][] clients = {
                {"/v1/chat/completions", "\"messages\":[],\"stream\":true", "\"code\":\"provider_busy\""},
                {
                    "/v1/responses",
                    "\"input\":\"x\",\"stream\":true",
                    "event: error\ndata: {\"type\":\"error\",\"code\":\"provider_busy\""
                },
                {"/v1beta/models/m1:streamGenerateContent?alt=sse", "\"contents\":[]", "\"status\":\"UNAVAILABLE\""},
            };
            for (String[] client : clients) {
                String told = gateway.raw("POST " + client[0] + " HTTP/1.1\r\nHost: x\r\nContent-Length: "
                        + (client[1].length() + 15) + "\r\n\r\n{\"model\":\"m1\"," + client[1] + "}");
                assertThat(told).as(client[0]).contains(client[2]).containsOnlyOnce("too busy");
            }
            GatewayFixture.await(() -> gateway.used.size() == 3);
            assertThat(gateway.used.getFirst().complete()).isFalse();
            assertThat(gateway.used.getFirst().usage().inputTokens()).isEqualTo(3);
        }
    }

    /** A provider that sends these events, and no end. */
    private static final class HalfAnswer implements AutoCloseable {
        private final java.net.ServerSocket server =
                new java.net.ServerSocket(0, 16, java.net.InetAddress.getLoopbackAddress());
        private final String[] events;

        HalfAnswer(String... events) throws java.io.IOException {
            this.events = events;
            Thread.ofVirtual().start(this::accept);
        }

        String url() {
            return "http://127.0.0.1:" + server.getLocalPort();
        }

        private void accept() {
            while (!server.isClosed()) {
                try {
                    java.net.Socket socket = server.accept();
                    Thread.ofVirtual().start(() -> serve(socket));
                } catch (java.io.IOException e) {
                    return;
                }
            }
        }

        private void serve(java.net.Socket socket) {
            try (socket) {
                new dev.tinyvm.llm.http.HttpConnection(socket.getInputStream(), socket.getOutputStream())
                        .serve((request, answer) -> send(answer));
            } catch (java.io.IOException e) {
                // The gateway left.
            }
        }

        private void send(Answer answer) throws java.io.IOException {
            answer.begin(200, Headers.of("Content-Type", "text/event-stream"));
            for (String event : events) {
                byte[] bytes = event.getBytes(java.nio.charset.StandardCharsets.UTF_8);
                answer.write(bytes, 0, bytes.length);
            }
            answer.end();
        }

        @Override
        public void close() throws java.io.IOException {
            server.close();
        }
    }
}
