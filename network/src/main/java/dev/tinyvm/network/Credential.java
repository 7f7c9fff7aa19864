package dev.tinyvm.network;

import java.util.List;
import java.util.function.Supplier;

/**
 * A header that is added to plain HTTP requests on their way out, so that its secret never enters a Tiny VM. It goes to its own hosts only, whatever a descriptor says.
 *
 * @param name by which descriptors ask for it
 * @param hosts lower-case names, {@code *.example.org} for all names below
 * @param header its name, such as {@code Authorization}
 * @param value the whole value of the header; asked for each request, so that a file may change. Throws {@link IllegalStateException} with a sentence when there is none
 * @param tls whether the proxy speaks TLS to the server, whatever the client spoke to the proxy; otherwise the secret travels in the clear
 */
public record Credential(String name, List<String> hosts, String header, Supplier<String> value, boolean tls) {
    public Credential {
        hosts = List.copyOf(hosts);
    }

    boolean isFor(String host) {
        return hosts.stream().anyMatch(h -> h.startsWith("*.") ? host.endsWith(h.substring(1)) : host.equals(h));
    }
}
