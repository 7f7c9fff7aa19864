package dev.tinyvm.server;

import dev.tinyvm.server.tls.ServerIdentity;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * How the server listens.
 *
 * @param host address to bind
 * @param port 0: any free one
 * @param hostNames names beside {@code localhost} and IP addresses that a {@code Host} header may carry; others are refused, since a foreign web page
 *     could otherwise reach the API through a name it owns (DNS rebinding)
 * @param idleTimeout after which a silent connection is closed
 * @param headerTimeout within which a request's header must be complete, so that nobody can hold connections by dribbling bytes
 * @param tls what listens beside the plain port; empty: nothing
 */
public record ServerSettings(
        String host,
        int port,
        List<String> hostNames,
        Duration idleTimeout,
        Duration headerTimeout,
        Optional<Tls> tls) {
    public static final int DEFAULT_PORT = 7070;
    public static final ServerSettings DEFAULT =
            new ServerSettings("127.0.0.1", DEFAULT_PORT, List.of(), Duration.ofSeconds(60), Duration.ofSeconds(20));

    /**
     * The TLS port, at the same address as the plain one.
     *
     * @param port 0: any free one
     */
    public record Tls(int port, ServerIdentity identity) {}

    public ServerSettings {
        hostNames = List.copyOf(hostNames);
    }

    /** Without TLS. */
    public ServerSettings(String host, int port, List<String> hostNames, Duration idleTimeout, Duration headerTimeout) {
        this(host, port, hostNames, idleTimeout, headerTimeout, Optional.empty());
    }

    public ServerSettings withPort(int other) {
        return new ServerSettings(host, other, hostNames, idleTimeout, headerTimeout, tls);
    }

    public ServerSettings withHost(String other) {
        return new ServerSettings(other, port, hostNames, idleTimeout, headerTimeout, tls);
    }

    public ServerSettings withTls(Tls other) {
        return new ServerSettings(host, port, hostNames, idleTimeout, headerTimeout, Optional.of(other));
    }
}
