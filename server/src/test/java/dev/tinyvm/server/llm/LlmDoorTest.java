package dev.tinyvm.server.llm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.Allowance;
import dev.tinyvm.llm.Gateway;
import dev.tinyvm.llm.GatewayConfig;
import dev.tinyvm.llm.KeySource;
import dev.tinyvm.llm.Provider;
import dev.tinyvm.llm.Route;
import dev.tinyvm.llm.Spending;
import dev.tinyvm.llm.TapeSource;
import dev.tinyvm.llm.UsageListener;
import dev.tinyvm.llm.WaitListener;
import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.llm.tape.Tapes;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.server.ServerFixture;
import dev.tinyvm.server.ServerSettings;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LlmDoorTest {
    private static final String CHAT = "/llm/v1/chat/completions";
    private static final String BODY = "{\"model\":\"m1\",\"messages\":[]}";
    private static final String STREAM = "{\"model\":\"m1\",\"stream\":true,\"messages\":[]}";

    private final List<UsageListener.Call> used = new CopyOnWriteArrayList<>();
    private final List<AutoCloseable> open = new CopyOnWriteArrayList<>();

    private ServerFixture server(ScriptedProvider provider, Dialect dialect) {
        open.add(provider);
        Gateway gateway = new Gateway(
                GatewayConfig.of(
                        List.of(Provider.of("main", dialect, provider.url(), KeySource.NONE)),
                        List.of(Route.of("*", "main")),
                        List.of()),
                caller -> List.of(Allowance.unlimited("key:" + caller.key())),
                new Spending(),
                used::add,
                WaitListener.NONE,
                TapeSource.NONE);
        open.add(gateway);
        return server(Optional.of(gateway));
    }

    @TempDir
    Path directory;

    private ServerFixture server(Optional<Gateway> gateway) {
        Tapes tapes = new Tapes(directory);
        ServerFixture server = new ServerFixture(
                ServerSettings.DEFAULT.withPort(0), keys -> List.of(new LlmDoor(gateway, keys, tapes)));
        open.add(server);
        return server;
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : open.reversed()) {
            each.close();
        }
    }

    @Test
    void theKeyMayComeInTheWayOfEachProvider() throws Exception {
        ServerFixture server = server(ScriptedProvider.of(new Turn.Text("Hello")), Dialect.OPENAI);
        String key = server.manager.createKey("ci").secret();
        for (String[] header : new String[][] {
            {"authorization", "Bearer " + key}, {"x-api-key", key}, {"x-goog-api-key", key}, {"api-key", key}
        }) {
            var answer = server.http.send(
                    HttpRequest.newBuilder(URI.create(server.server.url() + CHAT))
                            .header(header[0], header[1])
                            .POST(HttpRequest.BodyPublishers.ofString(BODY))
                            .build(),
                    BodyHandlers.ofString());
            assertThat(answer.statusCode()).as(header[0]).isEqualTo(200);
            assertThat(answer.body()).contains("Hello");
        }
        var inQuery = server.http.send(
                HttpRequest.newBuilder(URI.create(server.server.url() + CHAT + "?key=" + key))
                        .POST(HttpRequest.BodyPublishers.ofString(BODY))
                        .build(),
                BodyHandlers.ofString());
        assertThat(inQuery.statusCode()).isEqualTo(200);
        ServerFixture.eventually("five calls", () -> used.size() == 5);
        assertThat(used).allSatisfy(call -> assertThat(call.caller().key()).isEqualTo("ci"));
    }

    @Test
    void withoutAKeyTheRefusalHasTheClientsShape() throws Exception {
        ServerFixture server = server(ScriptedProvider.of(new Turn.Text("Hello")), Dialect.OPENAI);
        var openAi = server.http.send(
                HttpRequest.newBuilder(URI.create(server.server.url() + CHAT))
                        .POST(HttpRequest.BodyPublishers.ofString(BODY))
                        .build(),
                BodyHandlers.ofString());
        assertThat(openAi.statusCode()).isEqualTo(401);
        assertThat(openAi.body()).contains("\"code\":\"invalid_api_key\"").contains("tinyvm key create");
        var anthropic = server.http.send(
                HttpRequest.newBuilder(URI.create(server.server.url() + "/llm/v1/messages"))
                        .header("x-api-key", "sk-ant-dummy")
                        .POST(HttpRequest.BodyPublishers.ofString(BODY))
                        .build(),
                BodyHandlers.ofString());
        assertThat(anthropic.statusCode()).isEqualTo(401);
        assertThat(anthropic.body()).contains("\"type\":\"authentication_error\"");
    }

    @Test
    void withoutAProviderEveryCallSaysSo() {
        ServerFixture server = server(Optional.empty());
        var answer = server.post(CHAT, BODY);
        assertThat(answer.status()).isEqualTo(404);
        assertThat(answer.body()).contains("llm.providers");
        assertThat(server.get("/llm").status()).isEqualTo(404);
    }

    @Test
    void aStreamArrivesPartByPart() throws Exception {
        ScriptedProvider provider =
                new ScriptedProvider(List.of(new Turn.Text("one two")), Duration.ZERO, Duration.ofMillis(300));
        ServerFixture server = server(provider, Dialect.OPENAI);
        var answer = server.http.send(post(server, STREAM), BodyHandlers.ofInputStream());
        try (InputStream body = answer.body()) {
            byte[] part = new byte[1 << 16];
            StringBuilder heard = new StringBuilder();
            while (heard.indexOf("one ") < 0) {
                int length = body.read(part);
                assertThat(length).as(heard.toString()).isPositive();
                heard.append(new String(part, 0, length, StandardCharsets.UTF_8));
            }
            assertThat(heard.toString()).doesNotContain("two");
            assertThat(new String(body.readAllBytes(), StandardCharsets.UTF_8))
                    .contains("two")
                    .endsWith("[DONE]\n\n");
        }
        assertThat(answer.headers().firstValue("x-script")).contains("kept");
    }

    @Test
    void aClientThatLeavesWhileItWaitsEndsItsCall() throws Exception {
        ScriptedProvider provider = ScriptedProvider.of(new Turn.Failure(Turn.Fault.HANG));
        ServerFixture server = server(provider, Dialect.OPENAI);
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.server.port())) {
            send(socket, BODY);
            ServerFixture.eventually(
                    "the provider is asked", () -> provider.seen().size() == 1);
        }
        ServerFixture.eventually("the provider's call ends", () -> provider.clientsGone() == 1);
        ServerFixture.eventually("its prompt is counted", () -> used.size() == 1);
        assertThat(used.getFirst().complete()).isFalse();
    }

    @Test
    void aClientThatLeavesWithinAStreamEndsItsCall() throws Exception {
        ScriptedProvider provider = ScriptedProvider.of(new Turn.Failure(Turn.Fault.STALL));
        ServerFixture server = server(provider, Dialect.OPENAI);
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.server.port())) {
            send(socket, STREAM);
            assertThat(socket.getInputStream().read()).isEqualTo('H');
        }
        ServerFixture.eventually("the provider's call ends", () -> provider.clientsGone() == 1);
        ServerFixture.eventually("what came is counted", () -> used.size() == 1);
    }

    @Test
    void aClientThatSendsItsNextRequestsEarlyIsAnsweredInOrder() throws Exception {
        ScriptedProvider provider = new ScriptedProvider(
                List.of(new Turn.Text("first"), new Turn.Text("second"), new Turn.Text("third")),
                Duration.ofMillis(100),
                Duration.ZERO);
        ServerFixture server = server(provider, Dialect.OPENAI);
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.server.port())) {
            socket.setSoTimeout(60_000);
            send(socket, BODY);
            ServerFixture.eventually(
                    "the provider is asked", () -> provider.seen().size() == 1);
            send(socket, BODY);
            send(socket, BODY);
            StringBuilder heard = new StringBuilder();
            byte[] buffer = new byte[8192];
            while (heard.indexOf("third") < 0) {
                int size = socket.getInputStream().read(buffer);
                assertThat(size).as(heard.toString()).isPositive();
                heard.append(new String(buffer, 0, size, StandardCharsets.UTF_8));
            }
            assertThat(heard.toString()).containsSubsequence("first", "second", "third");
        }
    }

    @Test
    void aRecordedRunIsReplayedWithoutAProvider() throws Exception {
        ScriptedProvider provider = ScriptedProvider.of(new Turn.Text("one"), new Turn.Text("two"));
        ServerFixture server = server(provider, Dialect.OPENAI);
        String first = taped(server, BODY, LlmDoor.RECORD, "run-1").body();
        String second = taped(server, STREAM, LlmDoor.RECORD, "run-1").body();
        assertThat(second).contains("two");
        for (String run : List.of("run-1", "run-1:again")) {
            assertThat(taped(server, STREAM, LlmDoor.REPLAY, run).body()).isEqualTo(second);
            assertThat(taped(server, BODY, LlmDoor.REPLAY, run).body()).isEqualTo(first);
            assertThat(taped(server, BODY, LlmDoor.REPLAY, run).status()).isEqualTo(409);
        }
        assertThat(provider.seen()).hasSize(2);
        assertThat(provider.seen().getFirst().headers().first(LlmDoor.RECORD)).isEmpty();
        assertThat(used).hasSize(2);
        // The next manager goes on behind what is there.
        assertThat(new Tapes(directory).of("", "run-1", "", "")).isPresent();
        assertThat(directory.resolve("run-1").toFile().list()).hasSize(2);
    }

    @Test
    void aRecordingThatIsNotThereOrHasNoProperNameIsSaidSo() throws Exception {
        ServerFixture server = server(ScriptedProvider.of(new Turn.Text("x")), Dialect.OPENAI);
        assertThat(taped(server, BODY, LlmDoor.REPLAY, "none").body()).contains("tinyvm tape ls");
        assertThat(taped(server, BODY, LlmDoor.RECORD, "../escape").status()).isEqualTo(400);
        assertThat(directory.resolveSibling("escape")).doesNotExist();
    }

    private static ServerFixture.Answer taped(ServerFixture server, String body, String header, String value) {
        return server.send("POST", CHAT, "application/json", body, header, value);
    }

    @Test
    void aConnectionServesManyCalls() throws Exception {
        ServerFixture server = server(ScriptedProvider.of(new Turn.Text("Hello")), Dialect.ANTHROPIC);
        for (int i = 0; i < 200; i++) {
            assertThat(server.post("/llm/v1/messages", BODY).body()).contains("Hello");
            assertThat(server.get("/api/v1/vms").status()).isEqualTo(200);
        }
    }

    private static void send(Socket socket, String body) throws IOException {
        socket.getOutputStream()
                .write(("POST " + CHAT + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
                                + ServerFixture.LOCAL_KEY + "\r\nContent-Length: " + body.length() + "\r\n\r\n" + body)
                        .getBytes(StandardCharsets.US_ASCII));
    }

    private static HttpRequest post(ServerFixture server, String body) {
        return HttpRequest.newBuilder(URI.create(server.server.url() + CHAT))
                .header("Authorization", "Bearer " + ServerFixture.LOCAL_KEY)
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
    }
}
