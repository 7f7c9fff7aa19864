package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.Reference;
import dev.tinyvm.images.registry.RegistryClient;
import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/** One push: the blobs that the registry lacks, then the manifest. The store's lock is held, so that no blob goes away. */
final class Push {
    private final BlobStore blobs;
    private final RegistryClient client;
    private final PullProgress progress;

    Push(BlobStore blobs, RegistryClient client, PullProgress progress) {
        this.blobs = blobs;
        this.client = client;
        this.progress = progress;
    }

    /** @return the digest that pins it in the registry */
    Digest run(Image image, Reference to) throws IOException {
        if (!image.isOci()) {
            throw new ImageException(
                    ImageException.Code.UNSUPPORTED,
                    "`" + image.name()
                            + "` cannot be pushed: it was imported as plain files and has no layers; import it as an OCI archive (umoci, buildah and docker make those)");
        }
        String where = "`" + image.name() + "`";
        Digest digest = Digest.parse(image.digest())
                .orElseThrow(() -> new ImageException(
                        ImageException.Code.IO, "the record of " + where + " is damaged: its digest is none"));
        byte[] bytes = blobs.read(digest, RegistryClient.MAX_MANIFEST_BYTES);
        JsonNode root = OciJson.parse(bytes, where);
        OciJson.Manifest manifest = OciJson.manifest(root, where);
        Set<Descriptor> needed = new LinkedHashSet<>(manifest.layers());
        needed.add(manifest.config());
        for (Descriptor blob : needed) {
            if (!blobs.has(blob.digest())) {
                throw new ImageException(
                        ImageException.Code.NOT_FOUND,
                        where + " cannot be pushed: its blob " + blob.digest()
                                + " is not stored any more; pull or import it again");
            }
            boolean there = client.hasBlob(to, blob.digest());
            if (!there) {
                client.pushBlob(to, blob.digest(), blobs.path(blob.digest()));
            }
            progress.on(
                    blob.digest().toString(),
                    there ? PullProgress.Step.PRESENT : PullProgress.Step.PUSHED,
                    blob.size(),
                    blob.size());
        }
        String type = root.path("mediaType").asString("");
        client.pushManifest(to, bytes, type.isEmpty() ? OciJson.OCI_MANIFEST : type);
        return digest;
    }
}
