package dev.tinyvm.engine.container;

import java.util.List;

/**
 * What this host's kernel offers Tiny VMs for their network, as the spawner found when it tried it out.
 *
 * @param routed whether a Tiny VM can have a routed interface
 * @param routedMissing what is missing for it, in a line; empty: nothing
 * @param connectFilter whether connections are judged where they are made, too
 * @param connectFilterMissing what is missing for it, in a line; empty: nothing
 */
public record NetworkOffer(boolean routed, String routedMissing, boolean connectFilter, String connectFilterMissing) {
    private static final String UNTOLD = "the spawner does not say why; it and the manager must be of one version";

    /** @param features of the spawner's PING */
    static NetworkOffer of(List<String> features) {
        boolean routed = features.contains("routed");
        boolean filter = features.contains("connect-filter");
        return new NetworkOffer(
                routed,
                routed ? "" : missing(features, "routed-missing:"),
                filter,
                filter ? "" : missing(features, "connect-filter-missing:"));
    }

    /** In a few words. */
    String words() {
        if (!routed) {
            return "no routed interfaces";
        }
        return connectFilter ? "routed interfaces with connect filter" : "routed interfaces without connect filter";
    }

    private static String missing(List<String> features, String prefix) {
        return features.stream()
                .filter(feature -> feature.startsWith(prefix))
                .map(feature -> feature.substring(prefix.length()).strip())
                .filter(text -> !text.isEmpty())
                .findFirst()
                .orElse(UNTOLD);
    }
}
