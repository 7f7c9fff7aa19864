package dev.tinyvm.network;

import static dev.tinyvm.network.ProxyFixture.NAME;
import static dev.tinyvm.network.ProxyFixture.open;
import static dev.tinyvm.network.ProxyFixture.read;
import static dev.tinyvm.network.ProxyFixture.send;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.spec.Network;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import javax.net.ssl.SSLSocketFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** CONNECT. */
class TunnelTest {
    private static final SSLSocketFactory TLS = (SSLSocketFactory) SSLSocketFactory.getDefault();

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

    private static RawServer echo() throws Exception {
        return new RawServer((self, socket) -> {
            socket.getInputStream().transferTo(socket.getOutputStream());
            socket.shutdownOutput();
        });
    }

    private Socket tunnel(int port) throws Exception {
        Socket socket = fixture.connect();
        send(socket, "CONNECT " + NAME + ":" + port + " HTTP/1.1\r\nHost: " + NAME + "\r\n\r\n");
        assertThat(read(socket, "\r\n\r\n")).startsWith("HTTP/1.1 200 ");
        return socket;
    }

    @Test
    void bytesGoBothWaysAndEitherSideMayEndItsHalf() throws Exception {
        try (RawServer server = echo()) {
            fixture.allow(open(server.port()));
            Socket socket = tunnel(server.port());
            byte[] much = "0123456789abcdef".repeat(64 << 10).getBytes(StandardCharsets.US_ASCII);
            Thread.ofVirtual().start(() -> {
                try {
                    socket.getOutputStream().write(much);
                    socket.shutdownOutput();
                } catch (java.io.IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
            assertThat(socket.getInputStream().readAllBytes()).isEqualTo(much);
            ProxyFixture.eventually(() -> fixture.log().size() == 2, "the end is logged");
            assertThat(fixture.log().get(1)).contains("\"bytesOut\":1048576", "\"bytesIn\":1048576");
        }
    }

    @Test
    void bytesThatCameWithTheRequestAreNotLost() throws Exception {
        try (RawServer server = echo()) {
            fixture.allow(open(server.port()));
            Socket socket = fixture.connect();
            send(socket, "CONNECT " + NAME + ":" + server.port() + " HTTP/1.1\r\nHost: x\r\n\r\nearly");
            assertThat(read(socket, "early")).startsWith("HTTP/1.1 200 ");
        }
    }

    @Test
    void rulesThatForbidItCutAnOpenTunnel() throws Exception {
        try (RawServer server = echo()) {
            fixture.allow(open(server.port(), 7));
            Socket socket = tunnel(server.port());
            send(socket, "a");
            read(socket, "a");
            assertThat(fixture.proxy.underWay(ProxyFixture.VM)).isOne();
            fixture.change(open(server.port()));
            send(socket, "b");
            read(socket, "b");
            fixture.change(open(7));
            assertThat(ended(socket)).isTrue();
            ProxyFixture.eventually(() -> fixture.proxy.underWay(ProxyFixture.VM) == 0, "it is over");
            Socket refused = fixture.connect();
            send(refused, "CONNECT " + NAME + ":" + server.port() + " HTTP/1.1\r\nHost: x\r\n\r\n");
            assertThat(read(refused, "\r\n\r\n")).startsWith("HTTP/1.1 403");
        }
    }

    @Test
    void aTinyVmThatIsRemovedLeavesNoTunnelAndNoLog() throws Exception {
        try (RawServer server = echo()) {
            fixture.allow(open(server.port()));
            Socket socket = tunnel(server.port());
            assertThat(fixture.log()).isNotEmpty();
            fixture.proxy.removed(ProxyFixture.VM);
            assertThat(ended(socket)).isTrue();
            ProxyFixture.eventually(() -> server.ended.get() == 1, "the server sees the end");
            assertThat(logs).isEmptyDirectory();
        }
    }

    @Test
    void aTunnelWithoutABytesIsClosedInTheEnd() throws Exception {
        fixture.close();
        fixture = new ProxyFixture(
                logs, ProxyFixture.limits(Duration.ofMinutes(1), Duration.ofMillis(200), 1 << 30, 10), List.of(), TLS);
        try (RawServer server = echo()) {
            fixture.allow(open(server.port()));
            assertThat(ended(tunnel(server.port()))).isTrue();
            ProxyFixture.eventually(() -> fixture.log().toString().contains("too-slow"), "the log says why");
        }
    }

    @Test
    void aConnectionThatCarriesTooMuchIsCut() throws Exception {
        fixture.close();
        fixture = new ProxyFixture(
                logs, ProxyFixture.limits(Duration.ofMinutes(1), Duration.ofMinutes(1), 1000, 10), List.of(), TLS);
        try (RawServer server = echo()) {
            fixture.allow(open(server.port()));
            Socket socket = tunnel(server.port());
            send(socket, "x".repeat(2000));
            assertThat(ended(socket)).isTrue();
            ProxyFixture.eventually(() -> fixture.log().toString().contains("bytes-limit"), "the log says why");
        }
    }

    @Test
    void aTunnelToNowhereIsABadGateway() throws Exception {
        int port;
        try (RawServer server = echo()) {
            port = server.port();
        }
        fixture.allow(open(port));
        assertThat(fixture.exchange("CONNECT " + NAME + ":" + port + " HTTP/1.1\r\nHost: x\r\n\r\n"))
                .startsWith("HTTP/1.1 502")
                .contains("connect-failed");
        fixture.names.remove(NAME);
        assertThat(fixture.exchange("CONNECT " + NAME + ":" + port + " HTTP/1.1\r\nHost: x\r\n\r\n"))
                .startsWith("HTTP/1.1 502")
                .contains("name-unknown");
    }

    @Test
    void aTinyVmWithoutRulesIsOfferedNothing() {
        assertThat(fixture.proxy.ports(ProxyFixture.vm(Network.NONE))).isEmpty();
        assertThat(fixture.proxy.environment(ProxyFixture.vm(Network.NONE))).isEmpty();
        assertThat(fixture.proxy.environment(ProxyFixture.vm(open(443))))
                .containsEntry("HTTPS_PROXY", "http://127.0.0.1:3128")
                .containsEntry("http_proxy", "http://127.0.0.1:3128")
                .containsEntry("NO_PROXY", "127.0.0.1,localhost,::1");
    }

    private static boolean ended(Socket socket) {
        try {
            socket.getInputStream().transferTo(java.io.OutputStream.nullOutputStream());
            return true;
        } catch (java.io.IOException e) {
            return true;
        }
    }
}
