package dev.tinyvm.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DescriptorReaderTest {
    private static final String FULL = """
            apiVersion: tinyvm.dev/v1
            kind: Agent
            metadata: {name: researcher, labels: {team: search, example.com/tier: "1"}}
            spec:
              image: host
              engine: container
              command: [sleep, 30, true]
              env: {MODE: fast, PORT: 8080, DEBUG: true, EMPTY: ""}
              workingDir: /srv//app/
              user: 1000
              resources: {cpu: 100m, memory: 64Mi, disk: 1.5Gi, pids: 32}
              volumes:
              - {hostPath: ./data, mountPath: /data, readOnly: true}
              - {hostPath: /srv/x/, mountPath: /x}
              restart: {policy: always, maxRestarts: 3, window: 5m, backoff: 500ms, maxBackoff: 10s, maxMemory: 50Mi}
              health: {http: {port: 8080, path: /ok}, interval: 2s, timeout: 1s, startPeriod: 1m, retries: 2}
              stopGracePeriod: 1s
              replicas: 8
              network: {egress: [{host: "*.wikipedia.org", ports: [443]}, {cidr: 10.0.0.0/8}], interface: routed}
              llm: {models: ["gpt-*"], budget: {usd: 1.50, tokens: 200000, requests: 100}, requestsPerMinute: 60, tokensPerMinute: 90000}
              idle: {freezeOnLlm: false, pauseAfter: 5m, stopAfter: 1h}
              trust: untrusted
              budget: {usd: 2.50}
            """;

    private static final Schema SCHEMA = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
            .getSchema(Schemas.agent());

    @TempDir
    Path directory;

    @Test
    void imagesOfRegistriesAreCalledByTheirReferences() {
        for (String image : List.of(
                "alpine:3.20",
                "team/app",
                "ghcr.io/a/b__c/d-e:v1.2_X",
                "127.0.0.1:5000/app@sha256:" + "0a".repeat(32),
                "[::1]:5000/app:1")) {
            assertThat(DescriptorReader.read("spec: {image: \"" + image + "\"}", "x", null)
                            .spec()
                            .image())
                    .isEqualTo(image);
        }
    }

    @Test
    void everyKeyIsRead() {
        Agent agent = DescriptorReader.read(FULL, "agent.yaml", Path.of("/work/agents"));
        assertThat(agent)
                .isEqualTo(new Agent(
                        new Metadata("researcher", Map.of("team", "search", "example.com/tier", "1")),
                        new AgentSpec(
                                "host",
                                EngineChoice.CONTAINER,
                                List.of("sleep", "30", "true"),
                                Map.of("MODE", "fast", "PORT", "8080", "DEBUG", "true", "EMPTY", ""),
                                "/srv/app",
                                "1000",
                                new Resources(100, 64L << 20, 1536L << 20, 32),
                                List.of(
                                        new Volume("/work/agents/data", "/data", true),
                                        new Volume("/srv/x", "/x", false)),
                                new Restart(
                                        Restart.Policy.ALWAYS,
                                        3,
                                        Duration.ofMinutes(5),
                                        Duration.ofMillis(500),
                                        Duration.ofSeconds(10),
                                        OptionalLong.of(50L << 20)),
                                Optional.of(new Health(
                                        new Health.Http(8080, "/ok"),
                                        Duration.ofSeconds(2),
                                        Duration.ofSeconds(1),
                                        Duration.ofMinutes(1),
                                        2)),
                                Duration.ofSeconds(1),
                                8,
                                new Network(
                                        List.of(
                                                new Network.Egress("*.wikipedia.org", "", List.of(443)),
                                                new Network.Egress("", "10.0.0.0/8", List.of())),
                                        Network.Attachment.ROUTED),
                                new Llm(
                                        List.of("gpt-*"),
                                        new Llm.Budget(
                                                OptionalLong.of(1_500_000_000L),
                                                OptionalLong.of(200_000),
                                                OptionalLong.of(100)),
                                        OptionalLong.of(60),
                                        OptionalLong.of(90_000)),
                                new Idle(false, Optional.of(Duration.ofMinutes(5)), Optional.of(Duration.ofHours(1))),
                                Trust.UNTRUSTED,
                                new Budget(OptionalLong.of(2_500_000_000L)))));
        assertThat(SCHEMA.validate(FULL, InputFormat.YAML)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"app", "App.x-y_z", "1000:1000", "app:0", "0:staff"})
    void aUserMayHaveAGroup(String user) {
        String text = "spec: {image: host, user: '" + user + "'}";
        assertThat(DescriptorReader.read(text, "x", null).spec().user()).isEqualTo(user);
        assertThat(SCHEMA.validate(text, InputFormat.YAML)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"a b", "-a", "app:", ":app", "a:b:c", "1000:-1", "01"})
    void aUserThatIsNoneIsRefused(String user) {
        String text = "spec: {image: host, user: '" + user + "'}";
        assertThatThrownBy(() -> DescriptorReader.read(text, "x", null)).hasMessageContaining("expected a user's name");
        assertThat(SCHEMA.validate(text, InputFormat.YAML)).isNotEmpty();
    }

    @Test
    void everythingButTheImageHasADefault() {
        AgentSpec spec = DescriptorReader.read("spec: {image: host}", "x", null).spec();
        assertThat(spec)
                .isEqualTo(new AgentSpec(
                        "host",
                        EngineChoice.AUTO,
                        List.of(),
                        Map.of(),
                        "",
                        "",
                        Resources.DEFAULT,
                        List.of(),
                        Restart.DEFAULT,
                        Optional.empty(),
                        Duration.ofSeconds(10),
                        1,
                        Network.NONE,
                        Llm.DEFAULT,
                        Idle.DEFAULT,
                        Trust.TRUSTED,
                        Budget.NONE));
    }

    @Test
    void jsonIsReadAlsoWithTabsAndEscapes() {
        String json =
                "{\n\t\"metadata\": {\"name\":\"a\"},\n\t\"spec\": {\"image\":\"host\",\"env\":{\"A\":\"\\ud83d\\ude00\\/\\t\\u00e9\",\"N\":1e3}}\n}";
        assertThat(DescriptorReader.read(json, "x", null).spec().env())
                .containsExactly(Map.entry("A", "😀/\té"), Map.entry("N", "1e3"));
    }

    @Test
    void anAnchorMayBeUsedAgain() {
        String text = "spec:\n  image: host\n  env: {A: &v hello, B: *v}\n";
        assertThat(DescriptorReader.read(text, "x", null).spec().env()).containsEntry("B", "hello");
    }

    @Test
    void aliasesThatMultiplyAreRefused() {
        StringBuilder bomb = new StringBuilder("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for (int i = 1; i < 30; i++) {
            bomb.append("a%d: &a%d [%s]\n".formatted(i, i, ("*a" + (i - 1) + " ,").repeat(9) + "*a" + (i - 1)));
        }
        assertThatThrownBy(() -> DescriptorReader.read(bomb.toString(), "bomb", null))
                .hasMessageContaining("100,000 values");
    }

    @Test
    void deepNestingIsRefusedAndDoesNotOverflowTheStack() {
        assertThatThrownBy(() -> DescriptorReader.read("[".repeat(500_000), "deep", null))
                .hasMessageContaining("nested more than 32");
        assertThatThrownBy(() -> DescriptorReader.read("- ".repeat(40) + "x", "deep", null))
                .hasMessageContaining("nested more than 32");
    }

    @Test
    void oneByteOverTheSizeIsRefusedAndTheSizeItselfIsNot() {
        String text = "spec: {image: host}\n#";
        String most = text + "x".repeat((1 << 20) - text.length());
        assertThat(DescriptorReader.read(most, "x", null).spec().image()).isEqualTo("host");
        assertThatThrownBy(() -> DescriptorReader.read(most + "x", "x", null)).hasMessageContaining("over 1 MiB");
    }

    @Test
    void binaryIsRefusedWithItsPlace() throws IOException {
        Path file =
                Files.write(directory.resolve("agent.yaml"), new byte[] {'a', ':', '\n', 'b', (byte) 0xff, 0, 1, 2});
        DescriptorException refusal =
                catchThrowableOfType(DescriptorException.class, () -> DescriptorReader.readFile(file));
        assertThat(refusal.problems().getFirst().line()).isEqualTo(2);
        assertThat(refusal).hasMessageContaining("is this the right file?");
    }

    @Test
    void aFileThatCannotBeReadSaysWhy() throws IOException {
        assertThatThrownBy(() -> DescriptorReader.readFile(directory.resolve("none.yaml")))
                .hasMessageContaining("there is no such file");
        assertThatThrownBy(() -> DescriptorReader.readFile(directory)).hasMessageContaining("is a directory");
        Path file = Files.writeString(
                directory.resolve("agent.yaml"), "spec: {image: host, volumes: [{hostPath: data, mountPath: /data}]}");
        assertThat(DescriptorReader.readFile(file).spec().volumes().getFirst().hostPath())
                .isEqualTo(directory.resolve("data").toString());
    }

    @Test
    void aRelativeHostPathWithoutADirectoryIsRefused() {
        assertThatThrownBy(() -> DescriptorReader.read(
                        "spec: {image: host, volumes: [{hostPath: data, mountPath: /data}]}", "request", null))
                .hasMessageContaining("spec.volumes[0].hostPath")
                .hasMessageContaining("write an absolute one");
    }

    @Test
    void theValueOfAVariableIsInNoMessage() {
        assertThatThrownBy(() -> DescriptorReader.read(
                        "spec: {image: host, env: {1KEY: hunter2, A: [hunter2], B: \"hunter2\\0\"}}", "x", null))
                .hasMessageNotContaining("hunter2");
    }

    @Test
    void aCommandThatDoesNotFitTheProtocolIsRefused() {
        String word = "x".repeat(20_000);
        String fits = "spec: {image: host, command: [a, %s, %s]}".formatted(word, word);
        assertThat(DescriptorReader.read(fits, "x", null).spec().command()).hasSize(3);
        assertThatThrownBy(() -> DescriptorReader.read(
                        "spec: {image: host, command: [a, %s, %s, %s]}".formatted(word, word, word), "x", null))
                .hasMessageContaining("at most 60000");
        assertThatThrownBy(() -> DescriptorReader.read(
                        "spec: {image: host, command: [%s]}".formatted("x".repeat(32_769)), "x", null))
                .hasMessageContaining("at most 32768");
    }

    @Test
    void manyProblemsAreCutWithANote() {
        StringBuilder text = new StringBuilder("spec:\n  image: host\n");
        for (int i = 0; i < 150; i++) {
            text.append("  wrong").append(i).append(": 1\n");
        }
        assertThatThrownBy(() -> DescriptorReader.read(text.toString(), "x", null))
                .hasMessageContaining("50 more problems are not shown");
    }

    @Test
    void theManagersConfigurationIsRead() throws IOException {
        String text = """
                capacity: {cpu: 4, memory: 8Gi}
                volumes: {hostPaths: [/srv/data, sub/dir]}
                logs: {maxFileSize: 1Mi, maxFiles: 2}
                tls: {port: 8443, certificate: server.crt, privateKey: /keys/server.key}
                e2b: {domain: 'e2b.example.org:8443', egress: [{host: pypi.org}]}
                gvisor: {sandboxes: 5, checkpoints: 3Gi}
                ledger:
                  linesKept: 12h
                  prices: {cpuSecond: 0.000014, memoryGibSecond: "0.0000045", activeSecond: 1, waitingSecond: 2, waitingMemoryGibSecond: 3, pausedSecond: 4, pausedMemoryGibSecond: 5, egressGb: 0.09}
                network:
                  credentials:
                    - {name: github, hosts: [api.github.com], prefix: "Bearer ", value: {secret: github}}
                    - {name: plain, hosts: ["*.example.org"], header: X-Api-Key, value: {env: KEY}, tls: false}
                  limits: {connections: 7, connectionsInAll: 70, head: 2s, headBytes: 2Ki, headFields: 20, keepAlive: 3s, lookup: 4s, connect: 5s, idle: 6s, lifetime: 7s, bytes: 8Mi}
                  routedPool: 10.99.0.0/20
                images:
                  policy:
                    - {match: registry.example.org/team/*, cosign: {publicKey: team.pub}}
                    - {match: "*", cosign: {publicKey: /keys/all.pub}}
                """;
        Path file = Files.writeString(directory.resolve("tinyvm.yaml"), text);
        assertThat(ManagerConfigReader.readFile(file))
                .isEqualTo(new ManagerConfig(
                        OptionalInt.of(4000),
                        OptionalLong.of(8L << 30),
                        List.of("/srv/data", directory.resolve("sub/dir").toString()),
                        new ManagerConfig.Logs(1 << 20, 2),
                        Optional.of(new ManagerConfig.Tls(
                                8443,
                                Optional.of(new ManagerConfig.TlsFiles(
                                        directory.resolve("server.crt").toString(), "/keys/server.key")))),
                        Optional.of("e2b.example.org:8443"),
                        LlmConfig.NONE,
                        new ManagerConfig.Ledger(
                                new LedgerPrices(
                                        new BigDecimal("0.000014"),
                                        new BigDecimal("0.0000045"),
                                        new BigDecimal("1"),
                                        new BigDecimal("2"),
                                        new BigDecimal("3"),
                                        new BigDecimal("4"),
                                        new BigDecimal("5"),
                                        new BigDecimal("0.09")),
                                Duration.ofHours(12)),
                        5,
                        3L << 30,
                        new NetworkConfig(
                                List.of(
                                        new NetworkConfig.Credential(
                                                "github",
                                                List.of("api.github.com"),
                                                "Authorization",
                                                "Bearer ",
                                                new LlmConfig.Key.Secret("github"),
                                                true),
                                        new NetworkConfig.Credential(
                                                "plain",
                                                List.of("*.example.org"),
                                                "X-Api-Key",
                                                "",
                                                new LlmConfig.Key.Environment("KEY"),
                                                false)),
                                List.of(new Network.Egress("pypi.org", "", List.of())),
                                new NetworkConfig.Limits(
                                        7,
                                        70,
                                        Duration.ofSeconds(2),
                                        2_048,
                                        20,
                                        Duration.ofSeconds(3),
                                        Duration.ofSeconds(4),
                                        Duration.ofSeconds(5),
                                        Duration.ofSeconds(6),
                                        Duration.ofSeconds(7),
                                        8L << 20),
                                Optional.of("10.99.0.0/20")),
                        new ImagesConfig(List.of(
                                new ImagesConfig.Policy(
                                        "registry.example.org/team/*",
                                        directory.resolve("team.pub").toString()),
                                new ImagesConfig.Policy("*", "/keys/all.pub")))));
        assertThat(ManagerConfigReader.read("tls: {}", "x", null).tls())
                .contains(new ManagerConfig.Tls(ManagerConfig.Tls.DEFAULT_PORT, Optional.empty()));
        assertThat(ManagerConfigReader.readFile(directory.resolve("none.yaml"))).isEqualTo(ManagerConfig.DEFAULT);
        assertThat(ManagerConfigReader.read("{}", "x", null)).isEqualTo(ManagerConfig.DEFAULT);
        assertThat(SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
                        .getSchema(Schemas.manager())
                        .validate(text, InputFormat.YAML))
                .isEmpty();
    }
}
