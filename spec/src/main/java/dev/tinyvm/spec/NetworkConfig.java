package dev.tinyvm.spec;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The network part of the manager's configuration.
 *
 * @param credentials that descriptors may ask for by name
 * @param e2bEgress what sandboxes of the E2B door may reach at most; empty: nothing
 * @param limits of the egress proxy
 * @param routedPool where addresses of routed interfaces are taken from, such as {@code 100.118.0.0/16}; {@value #NO_POOL}: there are none; empty: the spawner's own choice
 */
public record NetworkConfig(
        List<Credential> credentials, List<Network.Egress> e2bEgress, Limits limits, Optional<String> routedPool) {
    /** No credential, and no egress for E2B's sandboxes. */
    public static final NetworkConfig NONE = new NetworkConfig(List.of(), List.of(), Limits.DEFAULT, Optional.empty());

    /** Instead of a pool: no routed interfaces on this host. */
    public static final String NO_POOL = "none";

    public NetworkConfig {
        credentials = List.copyOf(credentials);
        e2bEgress = List.copyOf(e2bEgress);
    }

    /**
     * What one Tiny VM's connections through the egress proxy may take of the host.
     *
     * @param connections of one Tiny VM, open at once; more are answered 503
     * @param connectionsInAll of all Tiny VMs of this host
     * @param head time in which a request's head must be complete, from its first byte
     * @param headBytes of a request's or an answer's head
     * @param headFields of a head
     * @param keepAlive how long a connection may wait for its next request
     * @param lookup time for a name's addresses
     * @param connect time for a connection to the server, TLS included
     * @param idle how long a connection may carry no byte while something is under way
     * @param lifetime of one connection
     * @param bytes of one connection, both ways together
     */
    public record Limits(
            int connections,
            int connectionsInAll,
            Duration head,
            int headBytes,
            int headFields,
            Duration keepAlive,
            Duration lookup,
            Duration connect,
            Duration idle,
            Duration lifetime,
            long bytes) {
        public static final Limits DEFAULT = new Limits(
                128,
                8_192,
                Duration.ofSeconds(20),
                64 << 10,
                200,
                Duration.ofMinutes(2),
                Duration.ofSeconds(10),
                Duration.ofSeconds(15),
                Duration.ofMinutes(10),
                Duration.ofHours(24),
                64L << 30);
    }

    /**
     * A header that the egress proxy adds to plain HTTP requests on their way out.
     *
     * @param name for rules
     * @param hosts the only ones that get it: lower-case DNS names, {@code *.example.org} for all below
     * @param header its name
     * @param prefix what stands before the secret, such as {@code Bearer } with its space
     * @param value where the secret is
     * @param tls whether the proxy speaks TLS to the host
     */
    public record Credential(
            String name, List<String> hosts, String header, String prefix, LlmConfig.Key value, boolean tls) {
        public Credential {
            hosts = List.copyOf(hosts);
        }
    }
}
