package dev.tinyvm.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.cli.Cli;
import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ClientCommands;
import dev.tinyvm.cli.Shell;
import dev.tinyvm.spec.ManagerConfig;
import dev.tinyvm.spec.ManagerConfigReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CertCommandTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @TempDir
    Path data;

    private int cert(String... args) {
        out.reset();
        err.reset();
        Shell shell = new Shell(
                new ByteArrayInputStream(new byte[0]),
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                Map.of("TINYVM_DATA", data.toString()),
                "");
        String[] all = new String[args.length + 1];
        all[0] = "cert";
        System.arraycopy(args, 0, all, 1, args.length);
        return new Cli(shell, List.of(new HostCommands(), new ClientCommands())).run(all);
    }

    private String words() {
        return out.toString(StandardCharsets.UTF_8) + err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void theCertificateIsMadeOnceAndItsKeyIsForItsOwnerAlone() throws IOException {
        TlsFiles files = TlsFiles.of(data);
        assertThat(cert()).isZero();
        assertThat(words())
                .contains("export NODE_EXTRA_CA_CERTS=" + files.authority())
                .contains("export E2B_DOMAIN=e2b.localhost:7443");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(files.privateKey())))
                .isEqualTo("rw-------");
        String first = Files.readString(files.certificate());
        assertThat(cert()).isZero();
        assertThat(Files.readString(files.certificate())).isEqualTo(first);
        try (var names = Files.list(files.directory())) {
            assertThat(names.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("ca.crt", "server.crt", "server.key");
        }
    }

    @Test
    void anotherDomainNeedsReplace() throws IOException {
        assertThat(cert()).isZero();
        assertThat(cert("e2b.example.org")).isEqualTo(1);
        assertThat(words()).contains("--replace");
        assertThat(cert("e2b.example.org", "--replace")).isZero();
        assertThat(TlsFiles.domain(TlsFiles.of(data).read().orElseThrow())).contains("e2b.example.org");
        assertThat(cert("--replace")).isZero();
        assertThat(words()).contains("E2B_DOMAIN=e2b.example.org:7443");
    }

    @Test
    void aDomainThatWildcardsCannotServeIsRefused() {
        for (String domain : new String[] {"localhost", "e2b.example.org:7443", "https://e2b.example.org", "-a.b"}) {
            assertThat(cert("--", domain)).as(domain).isEqualTo(2);
        }
        assertThat(TlsFiles.of(data).directory()).doesNotExist();
    }

    @Test
    void theTlsPortComesFromTheCommandLineThenTheConfigurationAndTheDomainFromTheCertificate() {
        ManagerConfig none = ManagerConfig.DEFAULT;
        ManagerConfig some = ManagerConfigReader.read("tls: {port: 8443}\n", "tinyvm.yaml", data);
        ManagerConfig own = ManagerConfigReader.read(
                "tls: {certificate: tls/server.crt, privateKey: tls/server.key}\ne2b: {domain: 'sandboxes.example.org'}\n",
                "tinyvm.yaml",
                data);
        assertThat(TlsPlan.read(data, none, Optional.empty()).tls()).isEmpty();
        assertThatThrownBy(() -> TlsPlan.read(data, some, Optional.empty()))
                .isInstanceOf(CliException.class)
                .hasMessageContaining("there is no certificate");
        assertThat(cert()).isZero();
        assertThat(TlsPlan.read(data, some, Optional.empty()).e2bDomain()).isEqualTo("e2b.localhost:8443");
        assertThat(TlsPlan.read(data, some, Optional.of(9443)).e2bDomain()).isEqualTo("e2b.localhost:9443");
        assertThat(TlsPlan.read(data, none, Optional.of(443)).e2bDomain()).isEqualTo("e2b.localhost");
        TlsPlan named = TlsPlan.read(data, own, Optional.empty());
        assertThat(named.name()).isEqualTo("sandboxes.example.org");
        assertThat(named.tls().orElseThrow().port()).isEqualTo(ManagerConfig.Tls.DEFAULT_PORT);
    }
}
