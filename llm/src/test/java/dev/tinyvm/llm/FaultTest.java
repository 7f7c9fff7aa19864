package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.llm.wire.Dialect;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
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

    @Test
    void anAnswerThatDripsIsPassedOnByteByByteAndAHeadThatDripsEndsInATimeout() throws Exception {
        byte[] answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow".getBytes(StandardCharsets.US_ASCII);
        try (var server = new ServerSocket(0, 16, InetAddress.getLoopbackAddress())) {
            Thread.ofVirtual().start(() -> drip(server, answer));
            String url = "http://127.0.0.1:" + server.getLocalPort();
            Provider.Timeouts patient = new Provider.Timeouts(
                    Duration.ofSeconds(10), Duration.ofSeconds(60), Duration.ofSeconds(60), Duration.ofSeconds(60));
            try (var gateway = GatewayFixture.of(
                    GatewayFixture.config(GatewayFixture.provider("a", Dialect.OPENAI, url, patient)))) {
                assertThat(gateway.post(CHAT, PLAIN).body()).isEqualTo("slow");
            }
            // Each byte comes within the limit; all of them together do not.
            Provider.Timeouts hasty = new Provider.Timeouts(
                    Duration.ofSeconds(10), Duration.ofMillis(400), Duration.ofSeconds(60), Duration.ofSeconds(60));
            try (var gateway = GatewayFixture.of(
                    GatewayFixture.config(GatewayFixture.provider("a", Dialect.OPENAI, url, hasty)))) {
                var refused = gateway.post(CHAT, PLAIN);
                assertThat(refused.statusCode()).isEqualTo(504);
                assertThat(refused.body()).contains("provider_timeout");
            }
        }
    }

    /** A byte every 20 ms to whoever connects. */
    private static void drip(ServerSocket server, byte[] answer) {
        while (!server.isClosed()) {
            try (Socket socket = server.accept()) {
                for (byte b : answer) {
                    socket.getOutputStream().write(b);
                    Thread.sleep(20);
                }
                socket.getInputStream().read();
            } catch (IOException e) {
                // The gateway had enough.
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    @Test
    void aKeptConnectionThatTheProviderHasClosedIsReplacedWithoutAnAttempt() throws Exception {
        try (var server = new ServerSocket(0, 16, InetAddress.getLoopbackAddress())) {
            AtomicInteger connections = new AtomicInteger();
            Thread.ofVirtual().start(() -> answerOnceEach(server, connections));
            try (var gateway = GatewayFixture.of(GatewayFixture.config(new Provider(
                    "a",
                    List.of(Dialect.OPENAI),
                    true,
                    java.net.URI.create("http://127.0.0.1:" + server.getLocalPort()),
                    KeySource.NONE,
                    dev.tinyvm.llm.http.Headers.none(),
                    Provider.Timeouts.DEFAULT,
                    new Provider.Retry(1, Duration.ofMillis(1), Duration.ofMillis(1)),
                    4)))) {
                for (int i = 1; i <= 3; i++) {
                    assertThat(gateway.post(CHAT, PLAIN).body()).isEqualTo("once");
                    assertThat(connections.get()).isEqualTo(i);
                }
            }
        }
    }

    /** Says that it keeps the connection, and closes it. */
    private static void answerOnceEach(ServerSocket server, AtomicInteger connections) {
        byte[] buffer = new byte[4096];
        while (!server.isClosed()) {
            try (Socket socket = server.accept()) {
                connections.incrementAndGet();
                int size = socket.getInputStream().read(buffer);
                if (size > 0) {
                    socket.getOutputStream()
                            .write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nonce"
                                    .getBytes(StandardCharsets.US_ASCII));
                }
            } catch (IOException e) {
                // The gateway or the test closed it.
            }
        }
    }
}
