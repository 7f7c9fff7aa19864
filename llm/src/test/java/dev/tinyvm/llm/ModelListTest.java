package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.llm.wire.Dialect;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Lists of models: what the configuration names, and what providers have. Each scripted provider has one, "script". */
@Timeout(60)
class ModelListTest {
    private static Route route(String model, String provider, String there) {
        return new Route(new Glob(model), List.of(new Route.Target(provider, there)));
    }

    private static String list(GatewayFixture gateway) throws Exception {
        return gateway.get("/v1beta/models").body();
    }

    @ParameterizedTest
    @EnumSource(Dialect.class)
    void aPatternNamesWhatItsProviderHasInTheClientsDialect(Dialect dialect) throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Text("x"))) {
            GatewayConfig config = GatewayConfig.of(
                    List.of(GatewayFixture.provider("main", dialect, provider.url())),
                    List.of(route("fast", "main", "theirs"), route("*", "main", "")),
                    List.of());
            try (var gateway = GatewayFixture.of(config)) {
                assertThat(gateway.get("/v1/models").body())
                        .startsWith("{\"object\":\"list\",\"data\":[{\"id\":\"fast\",\"object\":\"model\"")
                        .contains("{\"id\":\"script\"");
                assertThat(gateway.get("/v1/models", "anthropic-version", "2023-06-01")
                                .body())
                        .contains("\"first_id\":\"fast\",\"last_id\":\"script\"");
                assertThat(list(gateway)).contains("\"models/fast\"").contains("\"models/script\"");
                assertThat(gateway.get("/v1/models/script").statusCode()).isEqualTo(200);
                assertThat(gateway.get("/v1/models/other").statusCode()).isEqualTo(404);
                assertThat(provider.seen())
                        .as("asked once, with its key")
                        .singleElement()
                        .satisfies(seen -> {
                            assertThat(seen.target()).contains("/models");
                            assertThat(seen.headers().fields().toString()).contains(GatewayFixture.KEY);
                        });
            }
        }
    }

    @Test
    void aPatternNamesOnlyWhatItLeadsToAndWhatTheCallerMayUse() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Text("x"))) {
            GatewayConfig config = GatewayConfig.of(
                    List.of(GatewayFixture.provider("main", Dialect.OPENAI, provider.url())),
                    List.of(route("fast", "main", "theirs"), route("gpt-*", "main", ""), route("*", "main", "all")),
                    List.of());
            try (var gateway = GatewayFixture.of(config)) {
                assertThat(list(gateway)).contains("fast").doesNotContain("script");
            }
            GatewayConfig open = GatewayConfig.of(
                    config.providers(), List.of(route("fast", "main", "theirs"), route("*", "main", "")), List.of());
            Allowance fast = new Allowance(
                    "agent:a",
                    List.of(new Glob("f*")),
                    Allowance.UNLIMITED,
                    Allowance.UNLIMITED,
                    Allowance.UNLIMITED,
                    Allowance.UNLIMITED,
                    Allowance.UNLIMITED);
            try (var gateway = new GatewayFixture(open, caller -> List.of(fast), TapeSource.NONE)) {
                assertThat(list(gateway)).contains("fast").doesNotContain("script");
            }
        }
    }

    @Test
    void aProviderThatDoesNotAnswerLeavesTheRestOfTheList() throws Exception {
        String nowhere;
        try (var gone = ScriptedProvider.of(new Turn.Text("x"))) {
            nowhere = gone.url();
        }
        GatewayConfig config = GatewayConfig.of(
                List.of(GatewayFixture.provider("main", Dialect.OPENAI, nowhere)),
                List.of(route("fast", "main", "theirs"), route("*", "main", "")),
                List.of());
        try (var gateway = GatewayFixture.of(config)) {
            assertThat(list(gateway)).contains("fast");
        }
    }
}
