package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.RegistryClient;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * What the maker of an OCI image wrote: its layers with their sizes, and all of its configuration, also what does not matter here.
 *
 * @param manifest as it is stored
 * @param config as it is stored
 */
public record ImageDocuments(JsonNode manifest, JsonNode config) {
    /**
     * Reads them.
     *
     * @return empty when it is no OCI image, or its blobs are not for this user to read
     * @throws ImageException when they are damaged
     */
    public static Optional<ImageDocuments> of(ImageStore store, Image image) {
        Optional<Digest> digest = image.isOci() ? Digest.parse(image.digest()) : Optional.empty();
        if (digest.isEmpty()) {
            return Optional.empty();
        }
        BlobStore blobs = new BlobStore(new StorePaths(store.directory()).blobs());
        String where = "`" + image.name() + "`";
        try {
            JsonNode manifest = OciJson.parse(blobs.read(digest.get(), RegistryClient.MAX_MANIFEST_BYTES), where);
            Digest config = OciJson.manifest(manifest, where).config().digest();
            return Optional.of(
                    new ImageDocuments(manifest, OciJson.parse(blobs.read(config, OciJson.MAX_CONFIG_BYTES), where)));
        } catch (AccessDeniedException e) {
            return Optional.empty();
        } catch (IOException e) {
            throw new ImageException(ImageException.Code.IO, where + " could not be looked into: " + e.getMessage(), e);
        }
    }
}
