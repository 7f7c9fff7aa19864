package dev.tinyvm.server;

import static dev.tinyvm.server.ServerFixture.LOCAL_KEY;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The server is attacked with raw sockets: clear answers, nothing hangs, and it serves others all the while. */
@Timeout(120)
class BadRequestTest {
    private static final int READ_MILLIS = 60_000;
    private static final ServerFixture fixture = new ServerFixture(new ServerSettings(
            "127.0.0.1", 0, List.of("agents.example"), Duration.ofSeconds(5), Duration.ofSeconds(10)));

    @AfterAll
    static void close() {
        fixture.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GARBAGE\r\n\r\n",
                "GET\r\n\r\n",
                "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
                "G\u0001T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: localhost\r\nBad Header: x\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n",
                "GET / HTTP/1.1\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                "POST /api/v1/vms HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
                "POST /api/v1/vms HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
                "POST /api/v1/vms HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: nonsense\r\n\r\n",
                "POST /api/v1/vms HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "GET /%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                "GET /api/v1/vms/%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                "GET /api/v1/vms/%ff%fe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                "GET /api/v1/vms/%2e%2e/host HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                "GET /api/v1/vms/a%2fb HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            })
    void anUnreadableRequestIsRefusedInJson(String request) throws IOException {
        String answer = raw(request);
        assertThat(answer).matches("(?s)HTTP/1.1 (4\\d\\d|505) .*");
        assertThat(answer).contains("{\"error\":{\"code\":\"").contains("X-Request-Id: ");
        stillServes();
    }

    @Test
    void aHeaderThatIsTooLargeIsRefused() throws IOException {
        String answer = raw("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + "x".repeat(40_000) + "\r\n\r\n");
        assertThat(answer).startsWith("HTTP/1.1 431 ").contains("\"code\":\"header_too_large\"");
        answer = raw("GET /" + "x".repeat(40_000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assertThat(answer).startsWith("HTTP/1.1 414 ").contains("\"error\"");
        stillServes();
    }

    @Test
    void brokenChunksAreRefused() throws IOException {
        String answer = raw("POST /api/v1/vms HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + LOCAL_KEY
                + "\r\nContent-Type: application/yaml\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\nxx");
        assertThat(answer).startsWith("HTTP/1.1 400 ").contains("\"code\":\"invalid\"");
        stillServes();
    }

    @Test
    void aBodyThatBreaksOffIsNotTakenForWhole() throws IOException {
        try (Socket socket = connect()) {
            write(
                    socket,
                    "PUT /api/v1/agents HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + LOCAL_KEY
                            + "\r\nContent-Type: application/yaml\r\nContent-Length: 1000\r\n\r\n"
                            + ServerFixture.descriptor("half"));
            socket.shutdownOutput();
            assertThat(readAll(socket)).startsWith("HTTP/1.1 400 ");
        }
        assertThat(fixture.get("/api/v1/agents/half").status()).isEqualTo(404);
    }

    @Test
    void aClientThatSaysNothingIsDropped() throws IOException {
        try (Socket socket = connect()) {
            assertThat(readAll(socket)).isEmpty();
        }
        stillServes();
    }

    @Test
    void aClientThatDribblesItsHeaderIsDropped() throws Exception {
        try (Socket socket = connect()) {
            write(socket, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
            boolean dropped = false;
            long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
            while (!dropped && System.nanoTime() < end) {
                Thread.sleep(100);
                try {
                    write(socket, "x");
                } catch (SocketException e) {
                    dropped = true;
                }
            }
            assertThat(dropped).isTrue();
        }
        stillServes();
    }

    @Test
    void manyHalfOpenClientsDoNotKeepOthersOut() throws IOException {
        Socket[] sockets = new Socket[200];
        for (int i = 0; i < sockets.length; i++) {
            sockets[i] = connect();
            write(sockets[i], "GET /healthz HTTP/1.1\r\nHost: loc");
        }
        stillServes();
        for (Socket socket : sockets) {
            socket.close();
        }
    }

    @Test
    void requestsOneBehindTheOtherAreAnsweredInOrder() throws IOException {
        String one = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: %s\r\n%s\r\n";
        String answer = raw(one.formatted("first", "") + one.formatted("second", "Connection: close\r\n"));
        assertThat(answer.indexOf("X-Request-Id: first")).isPositive();
        assertThat(answer.indexOf("X-Request-Id: second")).isGreaterThan(answer.indexOf("X-Request-Id: first"));
    }

    @Test
    void aForeignHostNameIsRefused() throws IOException {
        assertThat(raw("GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 403 ")
                .contains("host_not_allowed");
        assertThat(raw("GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 403 ");
        for (String host : List.of("localhost:7070", "127.0.0.1", "[::1]:7070", "agents.example", "x.localhost")) {
            assertThat(raw("GET /healthz HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"))
                    .as(host)
                    .startsWith("HTTP/1.1 200 ");
        }
    }

    @Test
    void noAnswerAllowsForeignOrigins() {
        var answer = fixture.send("GET", "/healthz", "", "", "Origin", "http://evil.example");
        assertThat(answer.header("Access-Control-Allow-Origin")).isEmpty();
    }

    private static void stillServes() {
        assertThat(fixture.get("/healthz").status()).isEqualTo(200);
    }

    private static Socket connect() throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), fixture.server.port());
        socket.setSoTimeout(READ_MILLIS);
        return socket;
    }

    /** Sends it, then reads until the server closes (it does: on errors, on `Connection: close`, or when the client is idle). */
    private static String raw(String request) throws IOException {
        try (Socket socket = connect()) {
            try {
                write(socket, request);
            } catch (SocketException e) {
                // It answered and closed before it had read all: the answer is there.
            }
            return readAll(socket);
        }
    }

    private static void write(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
        socket.getOutputStream().flush();
    }

    private static String readAll(Socket socket) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        InputStream in = socket.getInputStream();
        try {
            in.transferTo(bytes);
        } catch (SocketException e) {
            // Reset after the answer, because we had sent more than was read.
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
