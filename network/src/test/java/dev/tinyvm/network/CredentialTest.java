package dev.tinyvm.network;

import static dev.tinyvm.network.ProxyFixture.NAME;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Network.Egress;
import java.io.InputStream;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Secrets that are added on the way out, over real TLS with a certificate of the test's own. */
class CredentialTest {
    private static final char[] PASSWORD = "password".toCharArray();

    @TempDir
    Path directory;

    private SSLContext tls = context();
    private RawServer server = new RawServer(socket(), (self, socket) -> {});
    private ProxyFixture fixture = new ProxyFixture(Path.of("."));
    private volatile String secret = "Bearer s3cret";

    CredentialTest() throws Exception {}

    private static SSLContext context() throws Exception {
        return SSLContext.getDefault();
    }

    private static java.net.ServerSocket socket() throws Exception {
        return new java.net.ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    }

    @BeforeEach
    void make() throws Exception {
        server.close();
        fixture.close();
        tls = selfSigned(NAME);
        server = new RawServer(
                tls.getServerSocketFactory().createServerSocket(0, 50, InetAddress.getLoopbackAddress()),
                (self, socket) -> {
                    while (self.head(socket) != null) {
                        RawServer.say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
                    }
                });
        fixture = new ProxyFixture(
                directory.resolve("logs"),
                EgressLimits.DEFAULT,
                List.of(new Credential("api", List.of("*.example.org"), "Authorization", () -> secret, true)),
                tls.getSocketFactory());
    }

    @AfterEach
    void close() throws Exception {
        fixture.close();
        server.close();
    }

    private Network rules(String host, String credential) {
        return new Network(List.of(
                new Egress(host, "", List.of(server.port()), false, Optional.of(credential)),
                new Egress("", "127.0.0.1/32", List.of(server.port()))));
    }

    private String get(String host, String... headers) throws Exception {
        return fixture.exchange("GET http://" + host + ":" + server.port() + "/ HTTP/1.1\r\nHost: x\r\n"
                + String.join("", headers) + "Connection: close\r\n\r\n");
    }

    @Test
    void aPlainRequestLeavesOverTlsWithTheSecretInPlaceOfTheClientsOwn() throws Exception {
        fixture.allow(rules(NAME, "api"));
        assertThat(get(NAME, "authorization: Bearer mine\r\n"))
                .endsWith("hello")
                .doesNotContain("s3cret");
        assertThat(server.heads.getFirst())
                .containsOnlyOnce("uthorization:")
                .contains("Authorization: Bearer s3cret\r\n");
        secret = "Bearer rotated";
        get(NAME);
        assertThat(server.heads.get(1)).contains("Authorization: Bearer rotated\r\n");
        assertThat(fixture.log().toString()).doesNotContain("s3cret", "rotated");
    }

    @Test
    void aSecretGoesToItsOwnHostsOnlyWhateverTheDescriptorSays() throws Exception {
        fixture.names.put("evil.example.net", List.of("127.0.0.1"));
        fixture.allow(rules("evil.example.net", "api"));
        assertThat(get("evil.example.net")).startsWith("HTTP/1.1 403").contains("credential-host");
        assertThat(server.heads).isEmpty();
    }

    @Test
    void aServerWithAnotherCertificateDoesNotGetIt() throws Exception {
        fixture.names.put("other.example.org", List.of("127.0.0.1"));
        fixture.allow(rules("other.example.org", "api"));
        assertThat(get("other.example.org")).startsWith("HTTP/1.1 502").contains("tls-failed");
        assertThat(server.heads).isEmpty();
    }

    @Test
    void aCredentialThatIsMissingIsNamed() throws Exception {
        fixture.allow(rules(NAME, "nope"));
        assertThat(get(NAME)).startsWith("HTTP/1.1 502").contains("credential 'nope'");
        secret = "two\r\nX: lines";
        fixture.change(rules(NAME, "api"));
        assertThat(get(NAME))
                .startsWith("HTTP/1.1 502")
                .contains("credential-missing")
                .doesNotContain("X: lines");
    }

    /** Trusts itself, and serves. */
    private SSLContext selfSigned(String name) throws Exception {
        Path store = directory.resolve("store.p12");
        if (Files.notExists(store)) {
            Process keytool = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "keytool")
                                    .toString(),
                            "-genkeypair",
                            "-keyalg",
                            "EC",
                            "-alias",
                            "a",
                            "-dname",
                            "CN=" + name,
                            "-ext",
                            "san=dns:" + name,
                            "-validity",
                            "2",
                            "-storetype",
                            "PKCS12",
                            "-keystore",
                            store.toString(),
                            "-storepass",
                            new String(PASSWORD))
                    .inheritIO()
                    .start();
            assertThat(keytool.waitFor(120, TimeUnit.SECONDS)).isTrue();
            assertThat(keytool.exitValue()).isZero();
        }
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, PASSWORD);
        }
        KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        own.init(keys, PASSWORD);
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("a", keys.getCertificate("a"));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(own.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }
}
