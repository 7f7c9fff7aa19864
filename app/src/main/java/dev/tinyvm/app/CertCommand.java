package dev.tinyvm.app;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.cli.Shell;
import dev.tinyvm.server.tls.CertificateMaker;
import dev.tinyvm.spec.ManagerConfig;
import dev.tinyvm.spec.ManagerConfigReader;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm cert}. */
@Command(
        description = {
            "Make a certificate for the TLS port, once, in the data directory, and say what clients need to trust it.",
            "The certificate is for DOMAIN and every name one step below it. The authority that signs it signs nothing else: its own key is thrown away.",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  sudo tinyvm cert",
            "  sudo tinyvm cert e2b.example.org",
            "  sudo tinyvm up --detach --tls-port 7443"
        })
final class CertCommand implements Callable<Integer> {
    private static final String DEFAULT_DOMAIN = "e2b.localhost";
    private static final Duration SOON = Duration.ofDays(30);

    @Parameters(
            arity = "0..1",
            paramLabel = "DOMAIN",
            description =
                    "A DNS name of two parts or more (default: that of the certificate that is there, else e2b.localhost).")
    @Nullable
    String domain;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Data directory (default: $TINYVM_DATA, else /var/lib/tinyvm).")
    @Nullable
    Path data;

    @Option(names = "--replace", description = "Make new ones in place of those that are there.")
    boolean replace;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;

    private final Shell shell;

    CertCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() throws IOException {
        Path directory = UpCommand.dataDirectory(shell, data);
        TlsFiles files = TlsFiles.of(directory);
        try {
            Optional<X509Certificate> present = files.read();
            Optional<String> before = present.isEmpty() ? Optional.empty() : TlsFiles.domain(present.get());
            String wanted = domain == null ? before.orElse(DEFAULT_DOMAIN) : domain.toLowerCase(Locale.ROOT);
            if (wanted.indexOf(':') >= 0 || !ManagerConfigReader.isDomain(wanted)) {
                throw new CliException(
                        ExitCode.USAGE,
                        "'" + wanted + "' is not a DNS name of two parts or more without a port",
                        "Clients refuse wildcard certificates for a name of one part; use for example "
                                + DEFAULT_DOMAIN);
            }
            if (present.isPresent() && !replace) {
                refuseAnother(directory, before.orElse(""), wanted);
                warn(present.get());
            } else {
                files.write(CertificateMaker.make(wanted, Instant.now()));
                shell.err().println("tinyvm: made a certificate for " + wanted + " and *." + wanted);
            }
            explain(files, wanted);
            return ExitCode.OK;
        } catch (AccessDeniedException e) {
            throw new CliException(
                    ExitCode.FAILED,
                    "the data directory " + directory + " cannot be used: permission denied",
                    "Use sudo, or choose another with --data");
        }
    }

    private static void refuseAnother(Path data, String before, String wanted) {
        if (!wanted.equals(before)) {
            throw new CliException(
                    ExitCode.FAILED,
                    "there is a certificate for '" + before + "' in " + data.resolve("tls") + " already",
                    "Make one for '" + wanted
                            + "' in its place with --replace; clients must then trust the new authority");
        }
    }

    private void warn(X509Certificate certificate) {
        Instant end = certificate.getNotAfter().toInstant();
        if (Instant.now().plus(SOON).isAfter(end)) {
            shell.err()
                    .println("tinyvm: the certificate ends on " + end
                            + "; make a new one with --replace and start the manager again");
        }
    }

    /** For people and for {@code eval}: all but the variables are comments. */
    private void explain(TlsFiles files, String wanted) {
        int port = ManagerConfig.Tls.DEFAULT_PORT;
        shell.out().println("# certificate " + files.certificate() + ", private key " + files.privateKey());
        shell.out()
                .println("# The manager serves it with: up --tls-port " + port + "   or in tinyvm.yaml: tls: {port: "
                        + port + "}");
        shell.out()
                .println("# The names api." + wanted + " and <port>-<id>." + wanted
                        + " must lead to the manager: docs/e2b.md says how.");
        shell.out().println("export NODE_EXTRA_CA_CERTS=" + files.authority());
        shell.out().println("export SSL_CERT_FILE=" + files.authority());
        shell.out().println("export E2B_DOMAIN=" + wanted + ":" + port);
        shell.out().println("# and: export E2B_API_KEY=$(tinyvm key create NAME)");
    }
}
