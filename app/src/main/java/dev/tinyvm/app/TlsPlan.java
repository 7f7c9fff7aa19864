package dev.tinyvm.app;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.server.ServerSettings;
import dev.tinyvm.server.tls.ServerIdentity;
import dev.tinyvm.spec.ManagerConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;

/**
 * What {@code up} does about TLS and E2B's domain, read while the process is root.
 *
 * @param tls the TLS port; empty: none
 * @param e2bDomain {@code name} or {@code name:port}, with port 0 when that is not known yet; empty: none
 */
record TlsPlan(Optional<ServerSettings.Tls> tls, String e2bDomain) {
    private static final int HTTPS = 443;

    /** @param port from the command line; empty: as the configuration says */
    static TlsPlan read(Path data, ManagerConfig config, Optional<Integer> port) {
        String configured = config.e2bDomain().orElse("");
        if (config.tls().isEmpty() && port.isEmpty()) {
            return new TlsPlan(Optional.empty(), configured);
        }
        TlsFiles made = TlsFiles.of(data);
        Optional<ManagerConfig.TlsFiles> named = config.tls().flatMap(ManagerConfig.Tls::files);
        if (named.isEmpty() && Files.notExists(made.certificate())) {
            throw new CliException(
                    ExitCode.FAILED,
                    "there is no certificate for the TLS port",
                    "Make one with: tinyvm cert --data " + data,
                    "or name yours in tinyvm.yaml: tls: {certificate: FILE, privateKey: FILE}");
        }
        try {
            ServerIdentity identity = ServerIdentity.read(
                    named.map(f -> Path.of(f.certificate())).orElse(made.certificate()),
                    named.map(f -> Path.of(f.privateKey())).orElse(made.privateKey()),
                    Instant.now());
            int number = port.orElseGet(
                    () -> config.tls().map(ManagerConfig.Tls::port).orElse(ManagerConfig.Tls.DEFAULT_PORT));
            String domain = configured.isEmpty()
                    ? TlsFiles.domain(identity.certificate())
                            .map(name -> withPort(name, number))
                            .orElse("")
                    : configured;
            return new TlsPlan(Optional.of(new ServerSettings.Tls(number, identity)), domain);
        } catch (IOException e) {
            throw new CliException(ExitCode.FAILED, "TLS: " + e.getMessage());
        }
    }

    /** The domain without its port; empty: there is none. */
    String name() {
        int colon = e2bDomain.indexOf(':');
        return colon < 0 ? e2bDomain : e2bDomain.substring(0, colon);
    }

    private static String withPort(String name, int port) {
        return port == HTTPS ? name : name + ":" + port;
    }
}
