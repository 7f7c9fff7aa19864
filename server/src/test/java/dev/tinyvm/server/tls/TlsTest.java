package dev.tinyvm.server.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.server.ServerFixture;
import dev.tinyvm.server.ServerSettings;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TlsTest {
    private final CertificateMaker.Made made = CertificateMaker.make("e2b.example.org", Instant.now());

    @TempDir
    Path directory;

    private Path certificate;
    private Path key;

    @BeforeEach
    void writeFiles() throws IOException {
        certificate = Files.writeString(directory.resolve("server.crt"), Pem.of(made.server()));
        key = Files.writeString(directory.resolve("server.key"), Pem.of(made.key()));
    }

    @Test
    void theServerCertificateIsSignedByTheAuthorityForTheDomainAndWhatIsBelowIt() throws Exception {
        made.server().verify(made.authority().getPublicKey());
        made.authority().verify(made.authority().getPublicKey());
        assertThat(made.authority().getBasicConstraints()).isZero();
        assertThat(made.server().getBasicConstraints()).isEqualTo(-1);
        assertThat(made.server().getIssuerX500Principal())
                .isEqualTo(made.authority().getSubjectX500Principal());
        assertThat(made.server().getSubjectAlternativeNames().stream().map(name -> (Object) name.get(1)))
                .containsExactly("e2b.example.org", "*.e2b.example.org", "localhost", "127.0.0.1");
        assertThat(made.server().getExtendedKeyUsage()).containsExactly("1.3.6.1.5.5.7.3.1");
        assertThat(made.authority().getKeyUsage()[5]).isTrue();
        made.server().checkValidity();
    }

    @Test
    void whatIsWrittenIsReadAgain() throws IOException {
        assertThat(Pem.certificates(certificate)).isEqualTo(List.of(made.server()));
        assertThat(Pem.privateKey(key, "EC")).isEqualTo(made.key());
    }

    @Test
    void aClientThatTrustsTheAuthorityIsServedAndAnotherRefuses() throws Exception {
        ServerIdentity identity = ServerIdentity.read(certificate, key, Instant.now());
        ServerSettings settings = ServerSettings.DEFAULT.withPort(0).withTls(new ServerSettings.Tls(0, identity));
        try (ServerFixture fixture = new ServerFixture(settings);
                HttpClient trusting = HttpClient.newBuilder()
                        .sslContext(trusting(made.authority()))
                        .build();
                HttpClient doubting = HttpClient.newHttpClient()) {
            String url = fixture.server.tlsUrl().orElseThrow();
            assertThat(url).startsWith("https://127.0.0.1:");
            HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/api/v1/vms"))
                    .timeout(ServerFixture.PATIENCE)
                    .header("Authorization", "Bearer " + ServerFixture.LOCAL_KEY)
                    .build();
            assertThat(trusting.send(request, HttpResponse.BodyHandlers.ofString())
                            .statusCode())
                    .isEqualTo(200);
            assertThatThrownBy(() -> doubting.send(request, HttpResponse.BodyHandlers.ofString()))
                    .isInstanceOf(SSLHandshakeException.class);
            assertThat(fixture.get("/api/v1/vms").status()).isEqualTo(200);
        }
    }

    @Test
    void filesThatDoNotFitAreRefusedByName() throws IOException {
        Path other = Files.writeString(
                directory.resolve("other.key"),
                Pem.of(CertificateMaker.make("e2b.example.org", Instant.now()).key()));
        Path password = Files.writeString(
                directory.resolve("locked.key"),
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
        refused(certificate, other, "other.key is not that of the certificate");
        refused(certificate, password, "openssl pkcs8 -topk8");
        refused(key, key, "holds no certificate");
        refused(certificate, directory.resolve("none.key"), "does not exist");
        assertThatThrownBy(() -> ServerIdentity.read(
                        certificate,
                        key,
                        Instant.now().plus(CertificateMaker.LIFE).plusSeconds(60)))
                .hasMessageContaining("ended on");
    }

    private static void refused(Path certificate, Path key, String words) {
        assertThatThrownBy(() -> ServerIdentity.read(certificate, key, Instant.now()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(words);
    }

    private static SSLContext trusting(X509Certificate authority) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setCertificateEntry("authority", authority);
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }
}
