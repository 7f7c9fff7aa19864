package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ./tinyvm run} without a manager, as on a laptop: models are reached by a configuration or by the keys of the environment. */
@NeedsWalls
class RunWithModelsTest {
    private static final String KEY = "sk-of-this-laptop-93b1";
    private static final String ASK =
            "curl -sS $OPENAI_BASE_URL/chat/completions -d '{\"model\":\"gpt-x\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}'";

    @TempDir
    Path data;

    @Test
    void keysOfTheEnvironmentReachTheProviderAndNeverTheTinyVm() throws Exception {
        try (ScriptedProvider provider = ScriptedProvider.of(new Turn.Text("two words"))) {
            Shell.Result result = run(
                            provider,
                            "--usage",
                            "host",
                            "--",
                            "sh",
                            "-c",
                            ASK + "; echo; env | grep -c " + KEY + "; env | grep ^OPENAI_ | sort")
                    .expectSuccess();
            assertThat(result.output())
                    .contains("two words")
                    .endsWith("\n0\nOPENAI_API_KEY=tinyvm\nOPENAI_BASE_URL=http://127.0.0.1:4000/v1\n");
            assertThat(provider.seen()).singleElement().satisfies(seen -> {
                assertThat(seen.headers().first("Authorization")).contains("Bearer " + KEY);
                assertThat(seen.target()).isEqualTo("/v1/chat/completions");
            });
            assertThat(result.errors()).contains("1 LLM call, 10 tokens in (4 cached), 5 out");
        }
    }

    @Test
    void theDescriptorsBudgetHoldsAndNoLlmMeansNone() throws Exception {
        try (ScriptedProvider provider = ScriptedProvider.of(new Turn.Text("two words"))) {
            Path descriptor = Files.writeString(
                    data.resolve("agent.yaml"), """
                    apiVersion: tinyvm.dev/v1
                    kind: Agent
                    metadata: {name: careful}
                    spec:
                      image: host
                      command: [sh, -c, %s]
                      llm: {budget: {tokens: 10}}
                    """.formatted("'" + (ASK + "; " + ASK).replace("'", "''") + "'"));
            assertThat(run(provider, descriptor.toString()).expectSuccess().output())
                    .contains("two words")
                    .contains("insufficient_quota");
            assertThat(provider.seen()).hasSize(1);
            assertThat(run(provider, "--no-llm", "host", "--", "sh", "-c", "echo \"[$OPENAI_BASE_URL]\"")
                            .expectSuccess()
                            .output())
                    .isEqualTo("[]\n");
        }
    }

    @Test
    void aConfigurationNamesProvidersAndPricesForAScriptToo() throws Exception {
        Files.writeString(data.resolve("demo.yaml"), "turns: [{say: \"from the script\"}]\n");
        Path config = Files.writeString(data.resolve("tinyvm.yaml"), """
                llm:
                  providers: [{name: demo, type: scripted, script: demo.yaml}]
                  routes: [{model: "*", provider: demo}]
                  prices: [{model: "*", input: 1.00, output: 2.00}]
                """);
        Path script = Files.writeString(data.resolve("ask.js"), """
                const answer = await fetch("http://127.0.0.1:4000/v1/messages", {
                  method: "POST",
                  body: JSON.stringify({model: "m", max_tokens: 9, messages: [{role: "user", content: "hi"}]}),
                });
                console.log((await answer.json()).content[0].text);
                """);
        Shell.Result result = run(null, "--usage", "--config", config.toString(), script.toString())
                .expectSuccess();
        assertThat(result.output()).isEqualTo("from the script\n");
        assertThat(result.errors()).contains("1 LLM call").contains("$0.00002");
        Files.writeString(config, "llm:\n  providers: [{name: demo, type: openai, apiKey: {env: NO_SUCH_KEY}}]\n");
        Shell.Result wrong = run(null, "--config", config.toString(), script.toString());
        assertThat(wrong.exitCode()).isEqualTo(125);
        assertThat(wrong.errors()).contains("NO_SUCH_KEY").doesNotContain("\tat ");
    }

    @Test
    void aRecordingNeedsAManagerToKeepIt() throws Exception {
        Shell.Result result = run(null, "--record", "first", "host", "--", "true");
        assertThat(result.exitCode()).isEqualTo(125);
        assertThat(result.errors()).contains("--record needs a manager").contains("tinyvm up");
    }

    private Shell.Result run(@org.jspecify.annotations.Nullable ScriptedProvider provider, String... arguments)
            throws Exception {
        List<String> whole = new ArrayList<>(List.of("./tinyvm", "run"));
        whole.addAll(List.of(arguments));
        Map<String, String> env = new HashMap<>(Map.of("TINYVM_URL", "", "TINYVM_DATA", data.toString()));
        if (provider != null) {
            env.put("OPENAI_API_KEY", KEY);
            env.put("OPENAI_BASE_URL", provider.url() + "/v1");
        }
        return Shell.run(Repository.ROOT, env, "", whole.toArray(String[]::new));
    }
}
