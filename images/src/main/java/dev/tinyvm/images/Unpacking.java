package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.RegistryClient;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Makes an image's files of blobs that are in the store: each layer unpacked for itself and shared with other images, or, where a layer makes sense upon
 * those below it only, all of them one upon the other into a directory of the image's own. The lock is held.
 */
final class Unpacking {
    private final StorePaths paths;
    private final BlobStore blobs;
    private final ImportLimits limits;
    private final ImageFormat format;
    private final PullProgress progress;
    private final List<String> leftOut = new ArrayList<>();

    Unpacking(StorePaths paths, BlobStore blobs, ImportLimits limits, ImageFormat format, PullProgress progress) {
        this.paths = paths;
        this.blobs = blobs;
        this.limits = limits;
        this.format = format;
        this.progress = progress;
    }

    /** Names that were not taken so far. */
    List<String> leftOut() {
        return Import.decoded(leftOut);
    }

    /**
     * Makes the image, or adds to its record when it is there.
     *
     * @param manifests the manifest's digest first, then the indexes that it was chosen from
     * @param reference in full
     * @param where for messages, such as `alpine:3.20`
     */
    Image image(List<Digest> manifests, String reference, String where) throws IOException {
        Digest digest = manifests.getFirst();
        String name = StorePaths.name(digest);
        List<String> all = manifests.stream().map(Digest::toString).toList();
        if (paths.exists(name)) {
            Image known = Metadata.read(paths.record(name), name);
            Image added = known.with(union(known.manifests(), all), union(known.references(), List.of(reference)));
            if (!added.equals(known)) {
                Metadata.write(paths.record(name), added);
            }
            return added;
        }
        OciJson.Manifest manifest =
                OciJson.manifest(OciJson.parse(blobs.read(digest, RegistryClient.MAX_MANIFEST_BYTES), where), where);
        OciJson.Config config = OciJson.config(
                blobs.read(manifest.config().digest(), OciJson.MAX_CONFIG_BYTES),
                manifest.layers().size(),
                where);
        requirePlatform(config.platform(), where);
        Image empty = new Image(
                name,
                digest.toString(),
                0,
                Instant.now().truncatedTo(ChronoUnit.MILLIS),
                config.run().defaultUser(),
                config.run().env(),
                config.run().workingDir(),
                config.run().command(),
                config.run().entrypoint(),
                all,
                List.of(),
                List.of(reference));
        String attempted = where + " could not be unpacked";
        Installation installation = new Installation(paths.directory(), name, paths.record(name), format, attempted);
        Installation.Recording<Image> recording = image -> Metadata.write(paths.record(name), image);
        LayerUnpacking apart = new LayerUnpacking(paths, blobs, limits, format, progress);
        boolean taken = false;
        try {
            Optional<List<LayerRecord>> shared = apart.unpack(manifest.layers(), config.diffIds(), where);
            if (shared.isPresent()) {
                leftOut.addAll(apart.leftOut());
                Image made = installation.run(
                        shared.get().reversed().stream()
                                .map(LayerRecord::diffId)
                                .toList(),
                        empty.of(shared.get()),
                        recording);
                taken = true;
                return made;
            }
        } finally {
            if (!taken) {
                new Sweep(paths, blobs).removeUnneededLayers();
            }
        }
        return installation.run(
                root -> {
                    try (RootfsWriter writer = new RootfsWriter(root, limits)) {
                        layers(manifest.layers(), config.diffIds(), writer, where);
                        writer.finish();
                        return empty.of(writer.bytes());
                    }
                },
                recording);
    }

    private void layers(List<Descriptor> layers, List<Digest> diffIds, RootfsWriter writer, String where)
            throws IOException, Posix.Failure {
        long left = limits.maxBytes() + Math.multiplyExact(3L * 512, limits.maxEntries());
        for (int i = 0; i < layers.size(); i++) {
            Descriptor layer = layers.get(i);
            progress.on(layer.digest().toString(), PullProgress.Step.UNPACKING, 0, layer.size());
            LayerArchive archive = new LayerArchive(blobs, layer, diffIds.get(i), where);
            left = archive.read(new LayerSink(writer), left, leftOut);
            progress.on(layer.digest().toString(), PullProgress.Step.UNPACKED, layer.size(), layer.size());
        }
    }

    private static void requirePlatform(Platform built, String where) {
        Platform here = Platform.current();
        if (!built.architecture().isEmpty() && !here.runs(new Platform(built.os(), built.architecture(), ""))) {
            throw new ImageException(
                    ImageException.Code.UNSUPPORTED,
                    where + " was built for " + EntryName.shown(built.toString()) + "; this machine is " + here);
        }
    }

    private static List<String> union(List<String> first, List<String> second) {
        Set<String> all = new LinkedHashSet<>(first);
        all.addAll(second);
        return List.copyOf(all);
    }
}
