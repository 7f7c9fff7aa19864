package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * What a manifest or an index says of one blob.
 *
 * @param size bytes
 * @param platform null when nothing is said
 * @param name {@code org.opencontainers.image.ref.name}, or empty
 */
record Descriptor(
        String mediaType,
        Digest digest,
        long size,
        @Nullable Platform platform,
        String name) {
    static Descriptor parse(JsonNode node, String where) {
        String text = node.path("digest").asString("");
        Digest digest = Digest.parse(text)
                .orElseThrow(() -> OciJson.refused(
                        where,
                        text.matches("[a-z0-9+._-]+:[0-9a-f]{32,}")
                                ? "it has the digest " + EntryName.shown(text) + "; only sha256 is checked here"
                                : "it has a digest that is none"));
        JsonNode size = node.path("size");
        if (!size.isIntegralNumber() || !size.canConvertToLong() || size.asLong() < 0) {
            throw OciJson.refused(where, "the blob " + digest.abbreviated() + " has no size");
        }
        JsonNode platform = node.path("platform");
        return new Descriptor(
                node.path("mediaType").asString(""),
                digest,
                size.asLong(),
                platform.isObject()
                        ? new Platform(
                                platform.path("os").asString(""),
                                platform.path("architecture").asString(""),
                                platform.path("variant").asString(""))
                        : null,
                node.path("annotations")
                        .path("org.opencontainers.image.ref.name")
                        .asString(""));
    }

    boolean isIndex() {
        return OciJson.isIndex(mediaType);
    }
}
