package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.llm.wire.Dialect;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class FaultTest {
    private static final String CHAT = "/v1/chat/completions";
    private static final String PLAIN = "{\"model\":\"m1\",\"messages\":[]}";
    private static final String STREAM = "{\"model\":\"m1\",\"stream\":true,\"messages\":[]}";
    private static final Turn HELLO = new Turn.Text("Hello there");

    @Test
    void whatPassesByIsTriedAgainWithoutTheClientNoticing() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Refusal(429, "0"), new Turn.Refusal(503, ""), HELLO);
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            assertThat(gateway.post(CHAT, PLAIN).body()).contains("Hello there");
            assertThat(provider.seen()).hasSize(3);
            assertThat(gateway.used).hasSize(1);
        }
    }

    @Test
    void aConnectionThatClosesInsteadOfAnsweringIsTriedAgain() throws Exception {
        for (Turn.Fault fault : List.of(Turn.Fault.CLOSE, Turn.Fault.GARBAGE, Turn.Fault.HUGE_HEADERS)) {
            try (var provider = ScriptedProvider.of(new Turn.Failure(fault), HELLO);
                    var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
                assertThat(gateway.post(CHAT, PLAIN).body()).as(fault.name()).contains("Hello there");
            }
        }
    }

    @Test
    void aRefusalThatStaysReachesTheClientAsTheProviderSaidIt() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Refusal(429, "3600"));
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            var answer = gateway.post(CHAT, PLAIN);
            assertThat(answer.statusCode()).isEqualTo(429);
            assertThat(answer.headers().firstValue("retry-after")).contains("3600");
            assertThat(answer.body()).contains("scripted 429");
            // An hour is longer than the gateway waits.
            assertThat(provider.seen()).hasSize(1);
        }
    }

    @Test
    void theNextProviderIsAskedWhenOneCannotBeReachedOrHangs() throws Exception {
        Provider.Timeouts quick = new Provider.Timeouts(
                Duration.ofSeconds(10), Duration.ofMillis(300), Duration.ofSeconds(60), Duration.ofSeconds(60));
        try (var hanging = ScriptedProvider.of(new Turn.Failure(Turn.Fault.HANG));
                var failing = ScriptedProvider.of(new Turn.Refusal(500, ""));
                var good = ScriptedProvider.of(HELLO);
                var gateway = GatewayFixture.of(GatewayFixture.config(
                        GatewayFixture.provider("a", Dialect.OPENAI, hanging.url(), quick),
                        GatewayFixture.provider("b", Dialect.OPENAI, failing.url()),
                        GatewayFixture.provider("c", Dialect.OPENAI, good.url())))) {
            assertThat(gateway.post(CHAT, PLAIN).body()).contains("Hello there");
            assertThat(gateway.used)
                    .singleElement()
                    .satisfies(call -> assertThat(call.provider()).isEqualTo("c"));
        }
    }

    @Test
    void aProviderThatHangsEndsInATimeoutInTheClientsDialect() throws Exception {
        Provider.Timeouts quick = new Provider.Timeouts(
                Duration.ofSeconds(10), Duration.ofMillis(200), Duration.ofSeconds(60), Duration.ofSeconds(60));
        try (var provider = ScriptedProvider.of(new Turn.Failure(Turn.Fault.HANG));
                var gateway = GatewayFixture.of(GatewayFixture.config(
                        GatewayFixture.provider("a", Dialect.ANTHROPIC, provider.url(), quick)))) {
            var answer = gateway.post("/v1/messages", PLAIN);
            assertThat(answer.statusCode()).isEqualTo(504);
            assertThat(answer.body()).contains("\"timeout_error\"").contains("'a'");
        }
    }

    @Test
    void anAnswerThatBreaksOffBreaksOffForTheClientToo() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Failure(Turn.Fault.RESET));
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            assertThatThrownBy(() -> gateway.post(CHAT, STREAM)).isInstanceOf(IOException.class);
            // Never again after the first byte.
            assertThat(provider.seen()).hasSize(1);
            GatewayFixture.await(() -> gateway.used.size() == 1);
            assertThat(gateway.used.getFirst().complete()).isFalse();
            assertThat(gateway.used.getFirst().usage().estimated()).isTrue();
        }
    }

    @Test
    void anAnswerThatFallsSilentIsEndedWithAnErrorEvent() throws Exception {
        Provider.Timeouts quick = new Provider.Timeouts(
                Duration.ofSeconds(10), Duration.ofSeconds(60), Duration.ofMillis(200), Duration.ofSeconds(60));
        try (var provider = ScriptedProvider.of(new Turn.Failure(Turn.Fault.STALL));
                var gateway = GatewayFixture.of(
                        GatewayFixture.config(GatewayFixture.provider("a", Dialect.OPENAI, provider.url(), quick)))) {
            String heard = gateway.raw("POST " + CHAT + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + STREAM.length()
                    + "\r\n\r\n" + STREAM);
            assertThat(heard).contains("half").contains("provider_timeout").doesNotEndWith("0\r\n\r\n");
        }
    }

    @Test
    void aClientThatLeavesCancelsTheProvidersCallAndPaysForWhatCame() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Failure(Turn.Fault.STALL));
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            var answer = gateway.open(CHAT, STREAM);
            try (var body = answer.body()) {
                assertThat(body.read()).isEqualTo('d');
            }
            GatewayFixture.await(() -> provider.clientsGone() == 1 && gateway.waits.size() == 3);
            assertThat(gateway.used).singleElement().satisfies(call -> {
                assertThat(call.complete()).isFalse();
                assertThat(call.usage().outputTokens()).isPositive();
                assertThat(call.usage().estimated()).isTrue();
            });
        }
    }

    @Test
    void aClientThatLeavesBeforeTheFirstByteCancelsToo() throws Exception {
        try (var provider = ScriptedProvider.of(new Turn.Failure(Turn.Fault.HANG));
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            try (var socket = new java.net.Socket(java.net.InetAddress.getLoopbackAddress(), gateway.port())) {
                socket.getOutputStream()
                        .write(("POST " + CHAT + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + PLAIN.length()
                                        + "\r\n\r\n" + PLAIN)
                                .getBytes(java.nio.charset.StandardCharsets.US_ASCII));
                GatewayFixture.await(() -> provider.seen().size() == 1);
            }
            GatewayFixture.await(() -> provider.clientsGone() == 1 && gateway.waits.contains("ended vm-1"));
            // Else an agent could have prompts read for nothing.
            assertThat(gateway.used)
                    .singleElement()
                    .satisfies(call -> assertThat(call.usage().inputTokens()).isPositive());
        }
    }
}
