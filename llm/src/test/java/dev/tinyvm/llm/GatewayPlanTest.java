package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.llm.script.Script;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.spec.Llm;
import dev.tinyvm.spec.LlmConfig;
import dev.tinyvm.spec.ManagerConfigReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class GatewayPlanTest {
    @TempDir
    Path directory;

    private LlmConfig config(String text) {
        return ManagerConfigReader.read(text, "tinyvm.yaml", directory).llm();
    }

    @Test
    void everythingThatIsMissingIsToldAtOnce() throws IOException {
        Files.writeString(directory.resolve("two"), "a key\nand another");
        Files.writeString(directory.resolve("bad.yaml"), "turns: [{sing: la}]");
        assertThatThrownBy(() -> GatewayPlan.read(config("""
                        llm:
                          providers:
                            - {name: a, type: openai, apiKey: {env: TINYVM_TEST_UNSET}}
                            - {name: b, type: openai, apiKey: {file: none}}
                            - {name: c, type: gemini, apiKey: {secret: gone}}
                            - {name: d, type: gemini, apiKey: {file: two}}
                            - {name: e, type: scripted, script: bad.yaml}
                            - {name: f, type: scripted, script: none.yaml}
                        """), directory))
                .isInstanceOfSatisfying(
                        GatewayPlan.Missing.class,
                        missing -> assertThat(missing.problems())
                                .hasSize(6)
                                .satisfiesExactly(
                                        p -> assertThat(p)
                                                .contains("providers[0].apiKey", "TINYVM_TEST_UNSET", "not set"),
                                        p -> assertThat(p).contains("providers[1].apiKey", "is not there"),
                                        p -> assertThat(p).contains("providers[2].apiKey", "tinyvm secret set gone"),
                                        p -> assertThat(p)
                                                .contains("providers[3].apiKey", "does not hold one key")
                                                .doesNotContain("another\n"),
                                        p -> assertThat(p).contains("providers[4].script", "unknown key 'sing'"),
                                        p -> assertThat(p).contains("providers[5].script", "there is no file")));
    }

    @Test
    void aChangedSecretCountsWithoutARestartAndARemovedOneIsGone() throws Exception {
        Path file = Files.writeString(directory.resolve("openai"), "first\n");
        KeySource key = KeySource.secret(directory, "openai");
        assertThat(key.read()).isEqualTo("first");
        Files.writeString(file, "second\n");
        GatewayFixture.await(() -> read(key).equals("second"));
        Files.delete(file);
        GatewayFixture.await(() -> read(key).contains("tinyvm secret set openai"));
    }

    private static String read(KeySource key) {
        try {
            return key.read();
        } catch (IOException e) {
            return String.valueOf(e.getMessage());
        }
    }

    @Test
    void aScriptedProviderAnswersInEveryDialectByTheConversation() throws Exception {
        Files.writeString(directory.resolve("demo.yaml"), """
                thinking: 1ms
                turns:
                  - {call: bash, arguments: {command: ls}}
                  - {say: it is done}
                """);
        GatewayPlan plan = GatewayPlan.read(config("""
                llm:
                  providers: [{name: demo, type: scripted, script: demo.yaml}]
                  routes: [{model: "*", provider: demo}]
                """), directory);
        try (Gateway gateway =
                        plan.open(caller -> List.of(), new Spending(), call -> {}, WaitListener.NONE, TapeSource.NONE);
                var door = new GatewayFixture(gateway)) {
            String first = "{\"role\":\"user\",\"content\":\"hi\"}";
            String second = first + ",{\"role\":\"assistant\",\"content\":null},{\"role\":\"tool\",\"content\":\"x\"}";
            for (String path : List.of("/v1/chat/completions", "/v1/messages")) {
                String start = "{\"model\":\"m\",\"messages\":[";
                assertThat(door.post(path, start + first + "]}").body())
                        .contains("bash")
                        .doesNotContain("done");
                assertThat(door.post(path, start + second + "]}").body()).contains("it is done");
                assertThat(door.post(path, start + first + "]}").body()).contains("bash");
            }
            assertThat(door.post("/v1beta/models/m:generateContent", "{\"contents\":[]}")
                            .body())
                    .contains("functionCall");
            assertThat(door.post(
                                    "/v1/responses",
                                    "{\"model\":\"m\",\"input\":[" + first
                                            + ",{\"type\":\"function_call\"},{\"type\":\"function_call_output\"}]}")
                            .body())
                    .contains("it is done");
        }
    }

    @Test
    void aScriptMaySayEveryTurn() throws IOException {
        Path file = Files.writeString(directory.resolve("s.yaml"), """
                thinking: 2s
                betweenParts: 10ms
                turns: [{say: hello}, {call: ls}, {refuse: 429, retryAfter: 5}, {fail: huge-headers}]
                """);
        assertThat(Script.read(file))
                .isEqualTo(new Script(
                        List.of(
                                new Turn.Text("hello"),
                                new Turn.ToolCall("ls", "{}"),
                                new Turn.Refusal(429, "5"),
                                new Turn.Failure(Turn.Fault.HUGE_HEADERS)),
                        Duration.ofSeconds(2),
                        Duration.ofMillis(10)));
        for (String wrong : List.of("[]", "turns: []", "turns: [{fail: dance}]", "turns: [{refuse: 200}]", "a: 1")) {
            Files.writeString(file, wrong);
            assertThatThrownBy(() -> Script.read(file)).as(wrong).isInstanceOf(IOException.class);
        }
    }

    @Test
    void limitsHoldForEachKeyAndEachAgentOnItsOwnAccount() {
        LlmConfig config = config("""
                llm:
                  limits:
                    - {key: "ci-*", budget: {requests: 5}, models: ["gpt-*"]}
                    - {agent: "*", requestsPerMinute: 3}
                """);
        Llm own = new Llm(
                List.of("*"),
                new Llm.Budget(OptionalLong.empty(), OptionalLong.empty(), OptionalLong.of(2)),
                OptionalLong.empty(),
                OptionalLong.empty());
        ConfiguredLimits limits = new ConfiguredLimits(
                config.limits(), caller -> caller.vm().isEmpty() ? Optional.empty() : Optional.of(own));
        List<Allowance> held = limits.of(new Caller("vm", "a", "ci-1"));
        assertThat(held).extracting(Allowance::scope).containsExactly("key:ci-1", "agent:a", "agent:a");
        assertThat(held.getFirst().requests()).isEqualTo(5);
        assertThat(held.get(1).requestsPerMinute()).isEqualTo(3);
        assertThat(limits.of(new Caller("", "", "other")).getFirst()).isEqualTo(Allowance.unlimited("key:other"));
        Spending spending = new Spending(() -> 0);
        spending.begin(held);
        spending.begin(held);
        assertThat(spending.spent("agent:a").requests()).isEqualTo(2);
        assertThatThrownBy(() -> spending.begin(held))
                .hasMessageContaining("agent:a")
                .hasMessageContaining("2 of 2");
    }
}
