package dev.tinyvm.spec;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.InputFormat;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** Every key of {@code llm}: its default, then another value. */
class LlmConfigTest {
    private static LlmConfig read(String text) {
        assertThat(SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
                        .getSchema(Schemas.manager())
                        .validate(text, InputFormat.YAML))
                .isEmpty();
        return ManagerConfigReader.read(text, "tinyvm.yaml", Path.of("/work")).llm();
    }

    @Test
    void withoutTheSectionThereIsNoProvider() {
        assertThat(read("{}")).isEqualTo(LlmConfig.NONE);
        assertThat(read("llm: {}")).isEqualTo(LlmConfig.NONE);
    }

    @Test
    void everyDefaultHolds() {
        LlmConfig config = read("""
                llm:
                  providers: [{name: a, type: openai}, {name: b, type: anthropic}, {name: c, type: gemini}]
                  routes: [{model: m, provider: a}]
                  prices: [{model: m, input: 1, output: 2}]
                  limits: [{key: ci}]
                """);
        assertThat(config.maxRequestBytes()).isEqualTo(64L << 20);
        assertThat(config.providers().getFirst())
                .isEqualTo(new LlmConfig.Provider(
                        "a",
                        LlmConfig.Type.OPENAI,
                        "https://api.openai.com",
                        new LlmConfig.Key.None(),
                        "",
                        true,
                        Map.of(),
                        new LlmConfig.Timeouts(
                                Duration.ofSeconds(10),
                                Duration.ofMinutes(10),
                                Duration.ofMinutes(2),
                                Duration.ofMinutes(1)),
                        new LlmConfig.Retries(3, Duration.ofMillis(500), Duration.ofSeconds(30)),
                        256));
        assertThat(config.providers().get(1).baseUrl()).isEqualTo("https://api.anthropic.com");
        assertThat(config.providers().get(2).baseUrl()).isEqualTo("https://generativelanguage.googleapis.com");
        assertThat(config.routes()).containsExactly(new LlmConfig.Route("m", List.of(new LlmConfig.Target("a", ""))));
        assertThat(config.prices())
                .containsExactly(new LlmConfig.Price(
                        "*", "m", BigDecimal.ONE, BigDecimal.ONE, BigDecimal.ONE, BigDecimal.valueOf(2)));
        assertThat(config.limits()).containsExactly(new LlmConfig.Limit(LlmConfig.Scope.KEY, "ci", Llm.DEFAULT));
    }

    @Test
    void everyKeyMayHaveAnotherValue() {
        LlmConfig config = read("""
                llm:
                  maxRequestSize: 1Mi
                  providers:
                    - name: local
                      type: openai
                      baseUrl: http://127.0.0.1:8000/v1
                      apiKey: {file: keys/local}
                      responses: false
                      headers: {X-Team: search, X-Rank: 5}
                      timeouts: {connect: 1s, firstByte: 2s, idle: 3s, queue: 4s}
                      retries: {attempts: 1, delay: 5ms, maxDelay: 6s}
                      concurrency: 7
                    - {name: cloud, type: anthropic, apiKey: {env: ANTHROPIC_API_KEY}}
                    - {name: other, type: gemini, apiKey: {secret: gemini}}
                    - {name: demo, type: scripted, script: demo.yaml}
                  routes:
                    - {model: fast, targets: [{provider: local, model: tiny-1}, {provider: cloud}]}
                  prices:
                    - {model: "tiny-*", provider: local, input: 1.25, cachedInput: "0.125", cacheWrite: 1.5, output: 10}
                  limits:
                    - key: "*"
                      models: [fast, "gpt-*"]
                      budget: {usd: 1.50, tokens: 1000, requests: 10}
                      requestsPerMinute: 60
                      tokensPerMinute: 5000
                    - {agent: researcher}
                """);
        assertThat(config.maxRequestBytes()).isEqualTo(1 << 20);
        assertThat(config.providers().getFirst())
                .isEqualTo(new LlmConfig.Provider(
                        "local",
                        LlmConfig.Type.OPENAI,
                        "http://127.0.0.1:8000/v1",
                        new LlmConfig.Key.KeyFile("/work/keys/local"),
                        "",
                        false,
                        Map.of("X-Team", "search", "X-Rank", "5"),
                        new LlmConfig.Timeouts(
                                Duration.ofSeconds(1),
                                Duration.ofSeconds(2),
                                Duration.ofSeconds(3),
                                Duration.ofSeconds(4)),
                        new LlmConfig.Retries(1, Duration.ofMillis(5), Duration.ofSeconds(6)),
                        7));
        assertThat(config.providers().get(1).key()).isEqualTo(new LlmConfig.Key.Environment("ANTHROPIC_API_KEY"));
        assertThat(config.providers().get(2).key()).isEqualTo(new LlmConfig.Key.Secret("gemini"));
        assertThat(config.providers().get(3).type()).isEqualTo(LlmConfig.Type.SCRIPTED);
        assertThat(config.providers().get(3).script()).isEqualTo("/work/demo.yaml");
        assertThat(config.routes())
                .containsExactly(new LlmConfig.Route(
                        "fast", List.of(new LlmConfig.Target("local", "tiny-1"), new LlmConfig.Target("cloud", ""))));
        assertThat(config.prices())
                .containsExactly(new LlmConfig.Price(
                        "local",
                        "tiny-*",
                        new BigDecimal("1.25"),
                        new BigDecimal("0.125"),
                        new BigDecimal("1.5"),
                        BigDecimal.TEN.stripTrailingZeros()));
        assertThat(config.limits().getFirst())
                .isEqualTo(new LlmConfig.Limit(
                        LlmConfig.Scope.KEY,
                        "*",
                        new Llm(
                                List.of("fast", "gpt-*"),
                                new Llm.Budget(
                                        OptionalLong.of(1_500_000_000), OptionalLong.of(1000), OptionalLong.of(10)),
                                OptionalLong.of(60),
                                OptionalLong.of(5000))));
        assertThat(config.limits().get(1).scope()).isEqualTo(LlmConfig.Scope.AGENT);
    }
}
