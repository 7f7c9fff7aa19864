package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.sdk.CreateVm;
import dev.tinyvm.sdk.Descriptor;
import dev.tinyvm.sdk.VmInfo;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/**
 * A wait that is much longer than anything in the Tiny VM would live without an answer. Its connections (two ends inside; one to the gateway with a streamed answer pending) are dead after 3 s in which nobody answers their
 * keepalives, so the wait is eight times that. {@code -Dtinyvm.longWait=SECONDS} makes it longer.
 */
@NeedsWalls
class LongWaitTest {
    private static final int SECONDS = Integer.getInteger("tinyvm.longWait", 25);
    private static final String SAID = "It took a while, and here I am.";

    @Test
    void connectionsClocksAndTimersSurviveAWaitOfManyKeepalives() throws Exception {
        Path own = Files.createTempDirectory("tinyvm-long-wait-");
        Path agent = Files.createDirectory(own.resolve("agent"));
        try (InputStream program = Objects.requireNonNull(LongWaitTest.class.getResourceAsStream("/long-wait.py"))) {
            Files.copy(program, agent.resolve("long-wait.py"));
        }
        Files.writeString(
                own.resolve("slow.yaml"),
                "thinking: " + SECONDS + "s\nbetweenParts: 100ms\nturns: [{say: \"" + SAID + "\"}]\n");
        Files.writeString(own.resolve("tinyvm.yaml"), """
                volumes: {hostPaths: [%s]}
                llm:
                  providers: [{name: slow, type: scripted, script: slow.yaml, timeouts: {firstByte: 2h}}]
                  routes: [{model: "*", provider: slow}]
                """.formatted(agent));
        try (Product product =
                Product.start("--config", own.resolve("tinyvm.yaml").toString(), "--capacity", "cpu=4,memory=4Gi")) {
            VmInfo vm = product.client().create(CreateVm.of(Descriptor.yaml("""
                    apiVersion: tinyvm.dev/v1
                    kind: Agent
                    metadata: {name: patient}
                    spec:
                      image: host
                      command: [python3, /agent/long-wait.py]
                      resources: {cpu: 1, memory: 128Mi, disk: 64Mi, pids: 64}
                      volumes: [{hostPath: %s, mountPath: /agent, readOnly: true}]
                      restart: {policy: never}
                    """.formatted(agent))));
            VmInfo ended = product.client()
                    .awaitEnd(vm.id(), Duration.ofSeconds(SECONDS).plus(Product.PATIENCE));
            double endedAt = Instant.now().toEpochMilli() / 1e3;
            List<String> log =
                    product.log(vm.id(), -1).stream().map(line -> line.text()).toList();
            assertThat(ended.exitCode()).as("%s", log).hasValue(0);
            JsonNode told = new ObjectMapper().readTree(log.getLast());
            // The stream that was pending.
            assertThat(told.path("status").asInt()).isEqualTo(200);
            assertThat(told.path("complete").asBoolean()).isTrue();
            assertThat(told.path("text").asString()).isEqualTo(SAID);
            // The connection that stayed inside.
            assertThat(told.path("inner").asString()).isEqualTo("after");
            // All clocks went on, at one pace, and agree with the host's.
            for (JsonNode clock : told.path("passed")) {
                assertThat(clock.asDouble()).isBetween((double) SECONDS, SECONDS + 15.0);
                assertThat(clock.asDouble() - told.path("passed").path(0).asDouble())
                        .isBetween(-0.5, 0.5);
            }
            assertThat(endedAt - told.path("now").asDouble()).isBetween(-0.5, 15.0);
            // A timer of each second, and a loop that sleeps one: once when it is woken, not once for each second that
            // is over. Before the freeze there may have been a few.
            assertThat(told.path("alarms").asInt()).isBetween(1, SECONDS / 3);
            assertThat(told.path("ticks").asInt()).isBetween(1, SECONDS / 3);
            assertThat(ended.use().waitingSeconds()).isGreaterThan(SECONDS - 5.0);
        }
    }
}
