package dev.tinyvm.spec;

import java.util.Map;

/**
 * What an agent is called.
 *
 * @param name a DNS label: 1 to 63 of {@code a-z 0-9 -}, no dash first or last; empty when the manager shall choose one
 * @param labels free key and value pairs to select by; order is that of the descriptor
 */
public record Metadata(String name, Map<String, String> labels) {
    public Metadata {
        labels = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(labels));
    }
}
