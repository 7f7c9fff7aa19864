package dev.tinyvm.spec;

import java.util.List;

/**
 * The network part of the manager's configuration.
 *
 * @param credentials that descriptors may ask for by name
 * @param e2bEgress what sandboxes of the E2B door may reach at most; empty: nothing
 */
public record NetworkConfig(List<Credential> credentials, List<Network.Egress> e2bEgress) {
    /** No credential, and no egress for E2B's sandboxes. */
    public static final NetworkConfig NONE = new NetworkConfig(List.of(), List.of());

    public NetworkConfig {
        credentials = List.copyOf(credentials);
        e2bEgress = List.copyOf(e2bEgress);
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
