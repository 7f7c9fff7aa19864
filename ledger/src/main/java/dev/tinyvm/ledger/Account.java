package dev.tinyvm.ledger;

import java.util.Map;

/**
 * Who is billed: one Tiny VM, or a client outside that calls models with a key. It is written down once and does not change.
 *
 * @param vm id of the Tiny VM; empty for a client outside
 * @param vmName its name
 * @param agent name of its agent; empty when it was made by itself
 * @param labels of its descriptor
 * @param key name of the API key of whoever made it or calls; empty when unknown
 */
public record Account(String vm, String vmName, String agent, Map<String, String> labels, String key) {
    public Account {
        labels = Map.copyOf(labels);
    }

    /** A client outside. */
    public static Account outside(String key) {
        return new Account("", "", "", Map.of(), key);
    }
}
