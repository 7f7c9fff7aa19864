package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.wire.Dialect;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Providers that speak HTTP/2 over TLS. Their certificate is trusted as Java's own trust store would. */
@Timeout(120)
class Http2Test {
    private static final String CHAT = "/v1/chat/completions";
    private static final String STREAM = "{\"model\":\"m1\",\"stream\":true,\"messages\":[]}";
    private static final int MANY = 100;

    @TempDir
    static Path directory;

    private static Path identity = Path.of("");
    private static @Nullable SSLContext before;

    @BeforeAll
    static void trust() throws Exception {
        identity = Http2Provider.identity(directory);
        before = SSLContext.getDefault();
        SSLContext.setDefault(Http2Provider.trusting(identity));
    }

    @AfterAll
    static void trustAsBefore() {
        SSLContext.setDefault(java.util.Objects.requireNonNull(before));
    }

    @Test
    void callsAtOnceAndInTurnShareOneConnection() throws Exception {
        try (var provider = new Http2Provider(identity, MANY);
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            assertWhole(gateway.post(CHAT, STREAM));
            provider.hold();
            List<HttpResponse<InputStream>> open = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                // The first event is handed on while the second does not exist yet.
                HttpResponse<InputStream> answer = gateway.open(CHAT, STREAM);
                assertThat(answer.body().readNBytes(4))
                        .asString(StandardCharsets.UTF_8)
                        .isEqualTo("data");
                open.add(answer);
            }
            open.forEach(each -> provider.step());
            for (HttpResponse<InputStream> each : open) {
                assertThat(new String(each.body().readAllBytes(), StandardCharsets.UTF_8))
                        .endsWith("data: [DONE]\n\n");
            }
            assertThat(new HashSet<>(provider.protocols)).containsExactly("HTTP/2.0");
            assertThat(new HashSet<>(provider.connections)).hasSize(1);
            assertThat(gateway.used).hasSize(21).allMatch(UsageListener.Call::complete);
        }
    }

    @Test
    void moreCallsThanAConnectionTakesAtOnceAreAllAnswered() throws Exception {
        try (var provider = new Http2Provider(identity, 4);
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            assertWhole(gateway.post(CHAT, STREAM));
            provider.hold();
            List<Callable<HttpResponse<String>>> calls = new ArrayList<>();
            for (int i = 0; i < 24; i++) {
                calls.add(() -> gateway.post(CHAT, STREAM));
            }
            List<Future<HttpResponse<String>>> running =
                    calls.stream().map(threads::submit).toList();
            GatewayFixture.await(
                    () -> gateway.waits.stream().filter("began vm-1"::equals).count() == 25);
            running.forEach(each -> provider.step());
            for (Future<HttpResponse<String>> each : running) {
                assertWhole(each.get());
            }
        }
    }

    @Test
    void aStreamThatIsResetBreaksOffAloneAndIsNotAskedForAgain() throws Exception {
        try (var provider = new Http2Provider(identity, MANY);
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            provider.hold();
            HttpResponse<InputStream> first = gateway.open(CHAT, STREAM);
            assertThat(first.body().read()).isEqualTo('d');
            HttpResponse<InputStream> second = gateway.open(CHAT, STREAM);
            assertThat(second.body().read()).isEqualTo('d');
            // One of the two, whichever asks first.
            provider.reset();
            GatewayFixture.await(() -> gateway.used.size() == 1);
            provider.step();
            int whole = 0;
            for (HttpResponse<InputStream> each : List.of(first, second)) {
                whole += isWhole(each) ? 1 : 0;
            }
            assertThat(whole).isEqualTo(1);
            GatewayFixture.await(() -> gateway.used.size() == 2);
            assertThat(gateway.used.getFirst().complete()).isFalse();
            assertThat(gateway.used.getFirst().usage().outputTokens()).isPositive();
            assertThat(gateway.used.getLast().complete()).isTrue();
            assertThat(provider.connections).hasSize(2);
            assertThat(new HashSet<>(provider.connections)).hasSize(1);
        }
    }

    @Test
    void aConnectionThatGoesAwayEndsItsCallsAndTheNextOnesUseAnother() throws Exception {
        try (var provider = new Http2Provider(identity, MANY);
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            provider.hold();
            try (var running = new BufferedReader(
                    new InputStreamReader(gateway.open(CHAT, STREAM).body(), StandardCharsets.UTF_8))) {
                assertThat(running.readLine()).isEqualTo("data: {\"part\":1}");
                provider.goAway();
                provider.step();
                assertThat(running.lines().toList()).contains("data: {\"part\":3}", "data: [DONE]");
            }
            for (int i = 0; i < 3; i++) {
                provider.step();
                assertWhole(gateway.post(CHAT, STREAM));
            }
            assertThat(new HashSet<>(provider.connections)).hasSize(2);
            assertThat(gateway.used).hasSize(4).allMatch(UsageListener.Call::complete);
        }
    }

    @Test
    void aProviderThatIsStartedAgainIsAskedOverANewConnection() throws Exception {
        try (var gateway = restarted()) {
            assertThat(gateway.used).hasSize(2).allMatch(UsageListener.Call::complete);
        }
    }

    private static GatewayFixture restarted() throws Exception {
        var first = new Http2Provider(identity, MANY);
        String url = first.url();
        var gateway = GatewayFixture.to(url, Dialect.OPENAI);
        assertWhole(gateway.post(CHAT, STREAM));
        first.close();
        try (var second =
                new Http2Provider(identity, MANY, java.net.URI.create(url).getPort())) {
            assertWhole(gateway.post(CHAT, STREAM));
            assertThat(second.connections).hasSize(1);
        }
        return gateway;
    }

    @Test
    void aClientThatLeavesResetsItsStreamAndNoOther() throws Exception {
        try (var provider = new Http2Provider(identity, MANY);
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            provider.hold();
            HttpResponse<InputStream> stays = gateway.open(CHAT, STREAM);
            assertThat(stays.body().read()).isEqualTo('d');
            try (var leaves = gateway.open(CHAT, STREAM).body()) {
                assertThat(leaves.read()).isEqualTo('d');
            }
            GatewayFixture.await(() -> gateway.used.size() == 1);
            assertThat(gateway.used.getFirst().complete()).isFalse();
            provider.step();
            provider.step();
            assertThat(isWhole(stays)).isTrue();
            // The provider notices by its next write to the one that left.
            GatewayFixture.await(() -> provider.broken.get() == 1);
            assertThat(new HashSet<>(provider.connections)).hasSize(1);
        }
    }

    @Test
    void aCertificateThatNobodyVouchesForIsRefusedInWords() throws Exception {
        Path other = Http2Provider.identity(java.nio.file.Files.createDirectory(directory.resolve("other")));
        try (var provider = new Http2Provider(other, MANY);
                var gateway = GatewayFixture.to(provider.url(), Dialect.OPENAI)) {
            HttpResponse<String> answer = gateway.post(CHAT, STREAM);
            assertThat(answer.statusCode()).isEqualTo(502);
            assertThat(answer.body()).contains("provider 'main'").contains("certif");
            assertThat(provider.connections).isEmpty();
        }
    }

    private static void assertWhole(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        assertThat(answer.body()).startsWith("data: {\"part\":1}").endsWith("data: [DONE]\n\n");
    }

    /** Whether it comes to its end; otherwise it breaks off. */
    private static boolean isWhole(HttpResponse<InputStream> answer) {
        try (var body = answer.body()) {
            return new String(body.readAllBytes(), StandardCharsets.UTF_8).endsWith("data: [DONE]\n\n");
        } catch (IOException e) {
            return false;
        }
    }
}
