package dev.tinyvm.network;

import static dev.tinyvm.network.ProxyFixture.NAME;
import static dev.tinyvm.network.ProxyFixture.get;
import static dev.tinyvm.network.ProxyFixture.open;
import static dev.tinyvm.network.ProxyFixture.read;
import static dev.tinyvm.network.ProxyFixture.send;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.manager.EgressReport;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Plain HTTP through the proxy. */
class ForwardTest {
    @TempDir
    Path logs;

    private ProxyFixture fixture;

    @BeforeEach
    void make() {
        fixture = new ProxyFixture(logs);
    }

    @AfterEach
    void close() throws Exception {
        fixture.close();
    }

    @Test
    void aRequestGoesToTheHostOfItsTargetWithoutWhatConcernsTheProxy() throws Exception {
        try (RawServer server = RawServer.hello()) {
            fixture.allow(open(server.port()));
            String answer = fixture.exchange(
                    "GET http://" + NAME + ":" + server.port()
                            + "/a%20b?c=d HTTP/1.1\r\nHost: other.example.net\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\n"
                            + "Proxy-Authorization: Basic eDp5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nUpgrade: h2c\r\nX-Kept: 2\r\n\r\n");
            assertThat(answer)
                    .startsWith("HTTP/1.1 200 OK\r\n")
                    .endsWith("hello")
                    .contains("Connection: close");
            assertThat(server.heads).hasSize(1);
            assertThat(server.heads.getFirst())
                    .startsWith("GET /a%20b?c=d HTTP/1.1\r\nHost: " + NAME + ":" + server.port() + "\r\n")
                    .contains("X-Kept: 2\r\n", "Via: 1.1 tinyvm\r\n")
                    .doesNotContain("other.example.net", "X-Mine", "Proxy-", "TE:", "Upgrade");
        }
    }

    @Test
    void requestsOnOneConnectionShareOneConnectionToTheServer() throws Exception {
        try (RawServer server = RawServer.hello()) {
            fixture.allow(open(server.port()));
            Socket socket = fixture.connect();
            for (int i = 0; i < 20; i++) {
                send(socket, get(server.port(), "/" + i));
                assertThat(read(socket, "hello")).startsWith("HTTP/1.1 200 OK").doesNotContain("Connection: close");
            }
            assertThat(server.connections).hasValue(1);
            assertThat(fixture.proxy.underWay(ProxyFixture.VM)).isZero();
        }
    }

    @Test
    void pipelinedRequestsAreAnsweredInTurn() throws Exception {
        try (RawServer server = RawServer.hello()) {
            fixture.allow(open(server.port()));
            String answer = fixture.exchange(get(server.port(), "/1")
                    + get(server.port(), "/2")
                    + get(server.port(), "/3", "Connection: close"));
            assertThat(answer.split("hello", -1)).hasSize(4);
            assertThat(server.heads).hasSize(3);
        }
    }

    @Test
    void aKeptConnectionThatTheServerClosedIsMadeAnew() throws Exception {
        try (RawServer server = new RawServer((self, socket) -> {
            self.head(socket);
            RawServer.say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        })) {
            fixture.allow(open(server.port()));
            Socket socket = fixture.connect();
            send(socket, get(server.port(), "/1"));
            read(socket, "hello");
            ProxyFixture.eventually(() -> server.ended.get() == 1, "the server closes");
            send(socket, get(server.port(), "/2"));
            assertThat(read(socket, "hello")).startsWith("HTTP/1.1 200 OK");
            assertThat(server.connections).hasValue(2);
        }
    }

    @Test
    void bytesArriveAsTheyAreSent() throws Exception {
        CountDownLatch seen = new CountDownLatch(1);
        try (RawServer server = new RawServer((self, socket) -> {
            self.head(socket);
            RawServer.say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nfirst\r\n");
            try {
                seen.await(60, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            RawServer.say(socket, "6\r\nsecond\r\n0\r\nTrailer-Field: 1\r\n\r\n");
        })) {
            fixture.allow(open(server.port()));
            Socket socket = fixture.connect();
            send(socket, get(server.port(), "/"));
            assertThat(read(socket, "first")).contains("Transfer-Encoding: chunked");
            seen.countDown();
            assertThat(read(socket, "0\r\n\r\n")).contains("second").doesNotContain("Trailer-Field");
        }
    }

    @Test
    void aChunkedUploadIsFramedAnew() throws Exception {
        try (RawServer server = new RawServer((self, socket) -> {
            self.head(socket);
            String body = ProxyFixture.read(socket, "0\r\n\r\n");
            RawServer.say(socket, "HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
        })) {
            fixture.allow(open(server.port()));
            String answer = fixture.exchange("POST http://" + NAME + ":" + server.port()
                    + "/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "00000004;a=\"b\"\r\nwiki\r\nA\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n");
            assertThat(answer).endsWith("4\r\nwiki\r\na\r\n0123456789\r\n0\r\n\r\n");
        }
    }

    @Test
    void aServerMayAskForTheBodyFirst() throws Exception {
        try (RawServer server = new RawServer((self, socket) -> {
            self.head(socket);
            RawServer.say(socket, "HTTP/1.1 100 Continue\r\n\r\n");
            byte[] body = socket.getInputStream().readNBytes(4);
            RawServer.say(
                    socket,
                    "HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\n" + new String(body, StandardCharsets.US_ASCII));
        })) {
            fixture.allow(open(server.port()));
            Socket socket = fixture.connect();
            send(
                    socket,
                    "PUT http://" + NAME + ":" + server.port()
                            + "/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
            read(socket, "100 Continue\r\n\r\n");
            send(socket, "body");
            assertThat(read(socket, "body")).contains("201 Created");
        }
    }

    @Test
    void anAnswerThatEndsWithTheConnectionIsSentInChunks() throws Exception {
        try (RawServer server = new RawServer((self, socket) -> {
            self.head(socket);
            RawServer.say(socket, "HTTP/1.0 200 OK\r\n\r\nold style");
        })) {
            fixture.allow(open(server.port()));
            assertThat(fixture.exchange(get(server.port(), "/")))
                    .contains("Transfer-Encoding: chunked")
                    .endsWith("9\r\nold style\r\n0\r\n\r\n");
            assertThat(fixture.exchange("GET http://" + NAME + ":" + server.port() + "/ HTTP/1.0\r\n\r\n"))
                    .doesNotContain("chunked")
                    .endsWith("\r\n\r\nold style");
        }
    }

    @Test
    void anAnswerThatBreaksOffBreaksOffForTheClient() throws Exception {
        try (RawServer server = new RawServer((self, socket) -> {
            self.head(socket);
            RawServer.say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n5\r\nse");
        })) {
            fixture.allow(open(server.port()));
            assertThat(fixture.exchange(get(server.port(), "/")))
                    .contains("first")
                    .doesNotEndWith("0\r\n\r\n");
        }
    }

    @Test
    void aServerThatSpeaksGarbageIsABadGateway() throws Exception {
        for (String garbage : new String[] {
            "SSH-2.0-x\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            ""
        }) {
            try (RawServer server = new RawServer((self, socket) -> {
                self.head(socket);
                RawServer.say(socket, garbage);
            })) {
                fixture.allow(open(server.port()));
                assertThat(fixture.exchange(get(server.port(), "/")))
                        .as(garbage)
                        .startsWith("HTTP/1.1 502 Bad Gateway\r\n")
                        .contains("bad-answer");
            }
        }
    }

    @Test
    void aClientThatGoesCancelsItsRequest() throws Exception {
        CountDownLatch arrived = new CountDownLatch(1);
        try (RawServer server = new RawServer((self, socket) -> {
            self.head(socket);
            arrived.countDown();
            self.head(socket);
        })) {
            fixture.allow(open(server.port()));
            Socket socket = fixture.connect();
            send(socket, get(server.port(), "/"));
            assertThat(arrived.await(60, TimeUnit.SECONDS)).isTrue();
            assertThat(fixture.proxy.underWay(ProxyFixture.VM)).isOne();
            socket.close();
            ProxyFixture.eventually(() -> server.ended.get() == 1, "the server sees the end");
            ProxyFixture.eventually(() -> fixture.proxy.underWay(ProxyFixture.VM) == 0, "nothing is under way");
        }
    }

    @Test
    void aHeadRequestHasNoBodyAndAnEmptyPathIsASlash() throws Exception {
        try (RawServer server = new RawServer((self, socket) -> {
            while (self.head(socket) != null) {
                RawServer.say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
            }
        })) {
            fixture.allow(open(server.port()));
            String url = "http://" + NAME + ":" + server.port();
            String answer = fixture.exchange("HEAD " + url + " HTTP/1.1\r\nHost: x\r\n\r\nHEAD " + url
                    + "?q HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            assertThat(answer.split("Content-Length: 500", -1)).hasSize(3);
            assertThat(server.heads.get(0)).startsWith("HEAD / HTTP/1.1");
            assertThat(server.heads.get(1)).startsWith("HEAD /?q HTTP/1.1");
        }
    }

    @Test
    void bytesAreCountedAndTheLogHoldsNoPath() throws Exception {
        try (RawServer server = RawServer.hello()) {
            fixture.allow(open(server.port()));
            fixture.exchange(get(server.port(), "/secret?token=hush", "Connection: close"));
            String refused =
                    fixture.exchange("GET http://evil.example.net/secret?token=hush HTTP/1.1\r\nHost: x\r\n\r\n");
            assertThat(refused).startsWith("HTTP/1.1 403");
            ProxyFixture.eventually(() -> fixture.log().size() == 3, "three lines");
            assertThat(fixture.log().toString())
                    .contains("allowed", "closed", "refused", "127.0.0.1", "evil.example.net", "host-not-allowed")
                    .doesNotContain("hush", "secret");
            assertThat(fixture.in.get()).isEqualTo("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".length());
            assertThat(fixture.out.get()).isEqualTo(server.heads.getFirst().length());
            EgressReport status = fixture.report();
            assertThat(status.bytesIn()).isEqualTo(fixture.in.get());
            assertThat(status.allowed()).isOne();
            assertThat(status.refused()).isOne();
        }
    }
}
