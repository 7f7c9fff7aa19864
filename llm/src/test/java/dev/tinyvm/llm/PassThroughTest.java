package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Usage;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class PassThroughTest {
    private static final Usage TOLD = new Usage(10, 4, 0, 5, false);
    private static final Turn HELLO = new Turn.Text("Hello from the script");

    @Test
    void chatGoesThroughWithUnknownFieldsAndHeadersAndTheKeyIsAddedOnlyHere() throws Exception {
        try (var provider = ScriptedProvider.of(HELLO);
                var gateway = GatewayFixture.to(provider.url() + "/v1/", Dialect.OPENAI)) {
            String body = "{\"x_new\" : [1, 2],\"model\":\"m1\",\"messages\":[]}";
            var answer = gateway.post("/v1/chat/completions", body, "Authorization", "Bearer dummy", "X-Mine", "yes");
            assertThat(answer.statusCode()).isEqualTo(200);
            assertThat(answer.body()).contains("Hello from the script");
            assertThat(answer.headers().firstValue("x-script")).contains("kept");
            var seen = provider.seen().getFirst();
            assertThat(seen.body()).isEqualTo(body);
            assertThat(seen.headers().first("x-mine")).contains("yes");
            assertThat(seen.headers().all("authorization")).containsExactly("Bearer " + GatewayFixture.KEY);
            assertThat(gateway.used).singleElement().satisfies(call -> {
                assertThat(call.usage()).isEqualTo(TOLD);
                // 10 tokens at 1 dollar and 5 at 2 dollars a million.
                assertThat(call.nanoUsd()).isEqualTo(20_000);
                assertThat(call.complete()).isTrue();
            });
            GatewayFixture.await(() -> gateway.waits.size() == 3);
            assertThat(gateway.waits).containsExactly("began vm-1", "firstByte vm-1", "ended vm-1");
        }
    }

    @Test
    void theUsageThatTheGatewayAskedForIsTakenOutOfTheStream() throws Exception {
        String body = "{\"model\":\"m1\",\"stream\":true,\"messages\":[]}";
        try (var provider = ScriptedProvider.of(HELLO);
                var direct = ScriptedProvider.of(HELLO);
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI);
                var unmetered = java.net.http.HttpClient.newHttpClient()) {
            String through = gateway.post("/v1/chat/completions", body).body();
            var request = java.net.http.HttpRequest.newBuilder(
                            java.net.URI.create(direct.url() + "/v1/chat/completions"))
                    .version(java.net.http.HttpClient.Version.HTTP_1_1)
                    .POST(java.net.http.HttpRequest.BodyPublishers.ofString(body))
                    .build();
            String plain = unmetered
                    .send(request, java.net.http.HttpResponse.BodyHandlers.ofString())
                    .body();
            assertThat(through).isEqualTo(plain).endsWith("data: [DONE]\n\n");
            assertThat(provider.seen().getFirst().body()).contains("\"include_usage\":true");
            GatewayFixture.await(() -> gateway.used.size() == 1);
            assertThat(gateway.used.getFirst().usage()).isEqualTo(TOLD);
        }
    }

    @Test
    void aClientThatAsksForUsageItselfGetsIt() throws Exception {
        String body = "{\"model\":\"m1\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[]}";
        try (var provider = ScriptedProvider.of(HELLO);
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            assertThat(gateway.post("/v1/chat/completions", body).body()).contains("\"prompt_tokens\":10");
            assertThat(provider.seen().getFirst().body()).isEqualTo(body);
        }
    }

    @Test
    void everyDialectIsMeteredPlainAndStreamed() throws Exception {
        record Case(Dialect dialect, String path, String body) {}
        List<Case> cases = List.of(
                new Case(Dialect.OPENAI, "/v1/responses", "{\"model\":\"m1\",\"input\":\"hi\"}"),
                new Case(Dialect.OPENAI, "/v1/responses", "{\"model\":\"m1\",\"input\":\"hi\",\"stream\":true}"),
                new Case(Dialect.ANTHROPIC, "/v1/messages", "{\"model\":\"m1\",\"messages\":[]}"),
                new Case(Dialect.ANTHROPIC, "/v1/messages", "{\"model\":\"m1\",\"stream\":true,\"messages\":[]}"),
                new Case(Dialect.GEMINI, "/v1beta/models/m1:generateContent", "{\"contents\":[]}"),
                new Case(
                        Dialect.GEMINI,
                        "/v1beta/models/m1:streamGenerateContent?alt=sse&key=dummy",
                        "{\"contents\":[]}"));
        for (Case each : cases) {
            try (var provider = ScriptedProvider.of(HELLO);
                    var gateway = GatewayFixture.to(provider.url(), each.dialect())) {
                var answer = gateway.post(each.path(), each.body());
                assertThat(answer.statusCode()).as(each.toString()).isEqualTo(200);
                assertThat(answer.body()).contains("script");
                GatewayFixture.await(() -> gateway.used.size() == 1);
                assertThat(gateway.used.getFirst().usage()).as(each.toString()).isEqualTo(TOLD);
                var seen = provider.seen().getFirst();
                assertThat(seen.body()).isEqualTo(each.body());
                assertThat(seen.target()).doesNotContain("key=");
                String header = switch (each.dialect()) {
                    case OPENAI -> "authorization";
                    case ANTHROPIC -> "x-api-key";
                    case GEMINI -> "x-goog-api-key";
                };
                assertThat(seen.headers().first(header).orElse("")).contains(GatewayFixture.KEY);
            }
        }
    }

    @Test
    void anAliasIsReplacedByTheProvidersNameAndNothingElseChanges() throws Exception {
        try (var provider = ScriptedProvider.of(HELLO)) {
            GatewayConfig config = GatewayConfig.of(
                    List.of(GatewayFixture.provider("main", Dialect.OPENAI, provider.url())),
                    List.of(new Route(new Glob("fast"), List.of(new Route.Target("main", "m\"x")))),
                    List.of());
            try (var gateway = GatewayFixture.of(config)) {
                gateway.post("/v1/chat/completions", "{\"messages\":[ ], \"model\" : \"fa\\u0073t\" }");
                assertThat(provider.seen().getFirst().body()).isEqualTo("{\"messages\":[ ], \"model\" : \"m\\\"x\" }");
                assertThat(gateway.get("/v1/models").body()).contains("\"id\":\"fast\"");
                assertThat(gateway.get("/v1/models/other").statusCode()).isEqualTo(404);
                assertThat(gateway.get("/v1/models", "anthropic-version", "2023-06-01")
                                .body())
                        .contains("display_name");
                var unknown = gateway.post("/v1/chat/completions", "{\"model\":\"slow\"}");
                assertThat(unknown.statusCode()).isEqualTo(404);
                assertThat(unknown.body()).contains("llm.routes");
            }
        }
    }

    @Test
    void countingTokensCostsNothing() throws Exception {
        try (var provider = ScriptedProvider.of(HELLO);
                var gateway = GatewayFixture.to(provider.url(), Dialect.ANTHROPIC)) {
            assertThat(gateway.post("/v1/messages/count_tokens", "{\"model\":\"m1\"}")
                            .body())
                    .contains("input_tokens");
            assertThat(gateway.used).allSatisfy(call -> assertThat(call.usage()).isEqualTo(Usage.NONE));
        }
    }

    @Test
    void aModelNamedTwiceIsRefused() throws Exception {
        try (var provider = ScriptedProvider.of(HELLO);
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            var answer = gateway.post("/v1/chat/completions", "{\"model\":\"m1\",\"mod\\u0065l\":\"m2\"}");
            assertThat(answer.statusCode()).isEqualTo(400);
            assertThat(provider.seen()).isEmpty();
        }
    }
}
