package dev.tinyvm.network;

import static dev.tinyvm.network.ProxyFixture.NAME;
import static dev.tinyvm.network.ProxyFixture.get;
import static dev.tinyvm.network.ProxyFixture.open;
import static dev.tinyvm.network.ProxyFixture.send;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Network.Egress;
import dev.tinyvm.spec.NetworkConfig;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What code in a Tiny VM may send to get out where it must not. */
class HostileRequestTest {
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

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                "Transfer-Encoding: gzip, chunked\r\n",
                "Transfer-Encoding: xchunked\r\n",
                "Transfer-Encoding : chunked\r\n",
                " Transfer-Encoding: chunked\r\n",
                "X: a\r\n Transfer-Encoding: chunked\r\n",
                "X: a\nTransfer-Encoding: chunked\r\n",
                "Transfer-Encoding:\u000bchunked\r\n",
                "Content-Length: 4\r\nContent-Length: 5\r\n",
                "Content-Length: 4\r\nContent-Length: 4\r\n",
                "Content-Length: +4\r\n",
                "Content-Length: 0x4\r\n",
                "Content-Length: 4, 4\r\n",
                "Content-Length: -1\r\n",
                "Content-Length: 99999999999999999999\r\n",
                "Connection: Content-Length\r\nContent-Length: 4\r\n",
                "Connection: host\r\n",
                "Host: second.example.org\r\n",
                "X: a\rb\r\n",
                "X: a\u0000b\r\n",
                ": no name\r\n",
                "no colon\r\n"
            })
    void whatTwoServersCouldReadInTwoWaysIsRefused(String fields) throws Exception {
        try (RawServer server = RawServer.hello()) {
            fixture.allow(open(server.port()));
            String answer = fixture.exchange("POST http://" + NAME + ":" + server.port() + "/ HTTP/1.1\r\nHost: x\r\n"
                    + fields + "\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
            assertThat(answer).matches("(?s)HTTP/1.1 (400|501) .*");
            assertThat(server.heads).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "zz\r\nabcd\r\n0\r\n\r\n",
                "4\r\nabcdX\r\n0\r\n\r\n",
                "4\nabcd\r\n0\r\n\r\n",
                "-4\r\nabcd\r\n",
                "fffffffffffffffff\r\n",
                "4\r\nab"
            })
    void aMalformedChunkNeverLooksLikeAWholeRequest(String chunks) throws Exception {
        try (RawServer server = new RawServer((self, socket) -> {
            self.head(socket);
            byte[] rest = socket.getInputStream().readAllBytes();
            self.heads.add(new String(rest, StandardCharsets.ISO_8859_1));
        })) {
            fixture.allow(open(server.port()));
            Socket socket = fixture.connect();
            send(
                    socket,
                    "POST http://" + NAME + ":" + server.port()
                            + "/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks);
            socket.shutdownOutput();
            ProxyFixture.eventually(() -> server.heads.size() == 2, "the server sees the end");
            assertThat(server.heads.get(1)).doesNotContain("0\r\n\r\n");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "http://2130706433/",
                "http://0x7f000001/",
                "http://0177.0.0.1/",
                "http://127.1/",
                "http://127.0.0.01/",
                "http://0x7f.0.0.1/",
                "http://256.0.0.1/",
                "http://127%2e0%2e0%2e1/",
                "http://api%2eexample.org/",
                "http://api.example.org%00.evil.example.net/",
                "http://api.example.org@evil.example.net/",
                "http://user:password@api.example.org/",
                "http://api.example.org..",
                "http://.api.example.org/",
                "http://api..example.org/",
                "http://api.example.org:0/",
                "http://api.example.org:65536/",
                "http://api.example.org:80:80/",
                "http://api.example.org:+80/",
                "http://api.example.org: 80/",
                "http://[::1/",
                "http://[::1%25eth0]/",
                "http://[::ffff:7f00:1%lo]/",
                "http://[api.example.org]/",
                "http:///",
                "http://\\api.example.org/",
                "http://b\u00fccher.example.org/",
                "http://-api.example.org/",
                "https://api.example.org/",
                "ftp://api.example.org/",
                "file:///etc/passwd",
                "/",
                "*"
            })
    void aHostThatIsNotWrittenPlainlyIsRefusedAndNotLookedUp(String target) throws Exception {
        fixture.allow(new Network(List.of(new Egress("*", "", List.of()), new Egress("", "127.0.0.0/8", List.of()))));
        String answer = fixture.exchange("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
        assertThat(answer).startsWith("HTTP/1.1 400 Bad Request\r\n");
        assertThat(fixture.lookedUp).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "127.0.0.1",
                "[::1]",
                "[::ffff:127.0.0.1]",
                "[::127.0.0.1]",
                "[64:ff9b::7f00:1]",
                "[2002:7f00:1::]",
                "[fe80::1]",
                "[fc00::1]",
                "[ff02::1]",
                "[fd00:ec2::254]",
                "169.254.169.254",
                "10.0.0.1",
                "172.16.0.1",
                "192.168.0.1",
                "100.64.0.1",
                "0.0.0.0",
                "224.0.0.1",
                "255.255.255.255",
                "[::]"
            })
    void aSpecialAddressIsRefusedEvenWhenAllAddressesAreAllowed(String address) throws Exception {
        fixture.allow(new Network(List.of(
                new Egress("*", "", List.of()),
                new Egress("", "0.0.0.0/0", List.of()),
                new Egress("", "::/0", List.of()))));
        String answer = fixture.exchange("GET http://" + address + "/ HTTP/1.1\r\nHost: x\r\n\r\n");
        assertThat(answer).startsWith("HTTP/1.1 403 Forbidden\r\n").contains("X-TinyVM-Egress: special-address");
    }

    @Test
    void aNameThatLeadsToASpecialAddressIsRefused() throws Exception {
        try (RawServer server = RawServer.hello()) {
            fixture.allow(new Network(List.of(new Egress("*.example.org", "", List.of(server.port())))));
            fixture.names.put(NAME, List.of("127.0.0.1", "::1", "169.254.169.254"));
            assertThat(fixture.exchange(get(server.port(), "/")))
                    .startsWith("HTTP/1.1 403")
                    .contains("special-address");
            assertThat(server.connections).hasValue(0);
        }
    }

    @Test
    void aNameIsLookedUpOnceAndTheJudgedAddressIsTheOneConnectedTo() throws Exception {
        try (RawServer server = RawServer.hello()) {
            fixture.allow(new Network(List.of(
                    new Egress(NAME, "", List.of(server.port())),
                    new Egress("", "127.0.0.1/32", List.of(server.port())))));
            // One address is fine, the other would need a second rule: only the first is ever used.
            fixture.names.put(NAME, List.of("127.0.0.77", "127.0.0.1"));
            assertThat(fixture.exchange(get(server.port(), "/", "Connection: close")))
                    .contains("hello");
            assertThat(fixture.lookedUp).containsExactly(NAME);
            assertThat(fixture.log().toString())
                    .contains("\"address\":\"127.0.0.1\"")
                    .doesNotContain("127.0.0.77");
        }
    }

    @Test
    void aNameThatNoRuleAllowsIsNotLookedUp() throws Exception {
        fixture.allow(new Network(List.of(new Egress("*.example.org", "", List.of()))));
        for (String name : List.of("example.org", "evil.example.net", "example.org.evil.example.net", "xexample.org")) {
            assertThat(fixture.exchange("CONNECT " + name + ":443 HTTP/1.1\r\nHost: x\r\n\r\n"))
                    .startsWith("HTTP/1.1 403 Forbidden\r\n")
                    .contains("host-not-allowed");
        }
        assertThat(fixture.exchange("CONNECT a.example.org:22 HTTP/1.1\r\nHost: x\r\n\r\n"))
                .contains("port-not-allowed");
        assertThat(fixture.lookedUp).isEmpty();
    }

    @Test
    void aFinalDotAndCapitalsAreTheSameName() throws Exception {
        try (RawServer server = RawServer.hello()) {
            fixture.allow(open(server.port()));
            assertThat(fixture.exchange("GET http://API.Example.ORG.:" + server.port()
                            + "/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
                    .contains("hello");
            assertThat(fixture.lookedUp).containsExactly(NAME);
        }
    }

    @Test
    void anAllowedAddressIsReachedAsSuch() throws Exception {
        try (RawServer server = RawServer.hello()) {
            fixture.allow(new Network(List.of(new Egress("", "127.0.0.1/32", List.of(server.port())))));
            assertThat(fixture.exchange("GET http://127.0.0.1:" + server.port()
                            + "/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
                    .contains("hello");
            assertThat(fixture.exchange("GET http://127.0.0.2:" + server.port() + "/ HTTP/1.1\r\nHost: x\r\n\r\n"))
                    .contains("address-not-allowed");
            assertThat(fixture.exchange("GET http://[::ffff:127.0.0.1]:" + server.port()
                            + "/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
                    .contains("hello");
        }
    }

    @Test
    void aRuleThatDeniesWinsWhenItComesFirst() throws Exception {
        try (RawServer server = RawServer.hello()) {
            Egress name = new Egress(NAME, "", List.of(server.port()));
            Egress loopback = new Egress("", "127.0.0.0/8", List.of(server.port()));
            Egress deny = new Egress("", "127.0.0.1/32", List.of(), true, java.util.Optional.empty());
            fixture.allow(new Network(List.of(deny, name, loopback)));
            assertThat(fixture.exchange(get(server.port(), "/")))
                    .startsWith("HTTP/1.1 403")
                    .contains("denied");
            fixture.change(new Network(List.of(loopback, name, deny)));
            assertThat(fixture.exchange(get(server.port(), "/", "Connection: close")))
                    .contains("hello");
        }
    }

    @Test
    void aHeadThatDripsIsCutOff() throws Exception {
        fixture.close();
        fixture = new ProxyFixture(
                logs, ProxyFixture.limits(Duration.ofMillis(300), Duration.ofMinutes(1), 1 << 30, 10), List.of(), TLS);
        fixture.allow(open(80));
        Socket socket = fixture.connect();
        send(socket, "GET http://" + NAME + "/ HTTP/1.1\r\nX: ");
        Thread drip = Thread.ofVirtual().start(() -> {
            try {
                while (true) {
                    send(socket, "x");
                    java.util.concurrent.locks.LockSupport.parkNanos(20_000_000);
                }
            } catch (java.io.IOException e) {
                // Cut off.
            }
        });
        drip.join();
        assertThat(fixture.proxy.underWay(ProxyFixture.VM)).isZero();
    }

    @Test
    void aHugeHeadIsRefused() throws Exception {
        fixture.allow(open(80));
        assertThat(fixture.exchange("GET http://" + NAME + "/ HTTP/1.1\r\n" + "X: y\r\n".repeat(201)))
                .startsWith("HTTP/1.1 431");
        assertThat(fixture.exchange("GET http://" + NAME + "/" + "a".repeat(1 << 16)))
                .startsWith("HTTP/1.1 414");
    }

    @Test
    void limitsAreThoseThatAreConfigured() throws Exception {
        NetworkConfig.Limits d = NetworkConfig.Limits.DEFAULT;
        fixture.close();
        fixture = new ProxyFixture(
                logs,
                EgressLimits.of(new NetworkConfig.Limits(
                        1,
                        5,
                        Duration.ofMillis(300),
                        1_024,
                        10,
                        d.keepAlive(),
                        d.lookup(),
                        d.connect(),
                        d.idle(),
                        d.lifetime(),
                        d.bytes())),
                List.of(),
                TLS);
        fixture.allow(open(80));
        assertThat(fixture.exchange("GET http://" + NAME + "/ HTTP/1.1\r\n" + "X: y\r\n".repeat(11)))
                .startsWith("HTTP/1.1 431")
                .contains("more than 10 header fields");
        ProxyFixture.eventually(
                () -> exchanged("GET http://" + NAME + "/" + "a".repeat(1_024)).startsWith("HTTP/1.1 414"),
                "too long a line");
        ProxyFixture.eventually(
                () -> exchanged("GET http://" + NAME + "/ HTTP/1.1\r\n").isEmpty(), "a head that stops is cut off");
        Socket one = fixture.connect();
        send(one, "G");
        ProxyFixture.eventually(() -> exchanged("G").startsWith("HTTP/1.1 503"), "the second is refused");
    }

    private String exchanged(String text) {
        try {
            return fixture.exchange(text);
        } catch (java.io.IOException e) {
            return "";
        }
    }

    @Test
    void tooManyConnectionsAreToldSo() throws Exception {
        fixture.close();
        fixture = new ProxyFixture(
                logs, ProxyFixture.limits(Duration.ofMinutes(1), Duration.ofMinutes(1), 1 << 30, 2), List.of(), TLS);
        fixture.allow(open(80));
        Socket one = fixture.connect();
        Socket two = fixture.connect();
        send(one, "G");
        send(two, "G");
        ProxyFixture.eventually(
                () -> {
                    try {
                        Socket third = fixture.connect();
                        send(third, "G");
                        return ProxyFixture.read(third, "\r\n\r\n").startsWith("HTTP/1.1 503");
                    } catch (java.io.IOException e) {
                        return false;
                    }
                },
                "the third is refused");
    }
}
