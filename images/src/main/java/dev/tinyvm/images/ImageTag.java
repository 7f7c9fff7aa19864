package dev.tinyvm.images;

import dev.tinyvm.images.registry.Reference;

/**
 * A reference that points to an image.
 *
 * @param reference in full, such as {@code docker.io/library/alpine:3.20}
 * @param image the image's name in the store
 * @param digest what the registry gave for the reference: of the manifest, or of the index that it was chosen from
 */
public record ImageTag(String reference, String image, String digest) {
    /** As people write it, such as {@code alpine:3.20}. */
    public String familiar() {
        return Reference.parse(reference).familiar();
    }
}
