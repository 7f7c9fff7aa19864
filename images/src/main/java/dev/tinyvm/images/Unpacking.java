package dev.tinyvm.images;

import com.github.luben.zstd.ZstdIOException;
import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.RegistryClient;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.ZipException;

/** Makes an image's files of blobs that are in the store: its layers in order, each checked against the configuration. The lock is held. */
final class Unpacking {
    private final StorePaths paths;
    private final BlobStore blobs;
    private final ImportLimits limits;
    private final PullProgress progress;
    private final List<String> leftOut = new ArrayList<>();

    Unpacking(StorePaths paths, BlobStore blobs, ImportLimits limits, PullProgress progress) {
        this.paths = paths;
        this.blobs = blobs;
        this.limits = limits;
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
        return new Installation(paths, name, where + " could not be unpacked").run(root -> {
            try (RootfsWriter writer = new RootfsWriter(root, limits)) {
                layers(manifest.layers(), config.diffIds(), writer, where);
                writer.finish();
                return new Image(
                        name,
                        digest.toString(),
                        writer.bytes(),
                        Instant.now().truncatedTo(ChronoUnit.MILLIS),
                        config.run().defaultUser(),
                        config.run().env(),
                        config.run().workingDir(),
                        config.run().command(),
                        config.run().entrypoint(),
                        all,
                        List.of(reference));
            }
        });
    }

    private void layers(List<Descriptor> layers, List<Digest> diffIds, RootfsWriter writer, String where)
            throws IOException, Posix.Failure {
        long left = limits.maxBytes() + Math.multiplyExact(3L * 512, limits.maxEntries());
        for (int i = 0; i < layers.size(); i++) {
            Descriptor layer = layers.get(i);
            String what = "the layer " + layer.digest().abbreviated() + " of " + where;
            if (!layer.mediaType().contains("tar") || layer.mediaType().contains("encrypted")) {
                throw new ImageException(
                        ImageException.Code.UNSUPPORTED,
                        what + " cannot be read: it is " + EntryName.shown(layer.mediaType()) + ", no tar archive");
            }
            progress.on(layer.digest().toString(), PullProgress.Step.UNPACKING, 0, layer.size());
            MessageDigest hash = Digest.sha256();
            try (InputStream raw = Files.newInputStream(blobs.path(layer.digest()));
                    InputStream plain = Decompression.of(raw, what)) {
                BoundedStream bounded = new BoundedStream(new DigestInputStream(plain, hash), left);
                leftOut.addAll(TarReader.read(bounded, new LayerSink(writer)));
                left = bounded.left();
                if (!Digest.of(hash).equals(diffIds.get(i))) {
                    throw new ImageException(
                            ImageException.Code.DIGEST_MISMATCH,
                            what + " is refused: uncompressed it is not what the image's configuration says");
                }
            } catch (ZipException | ZstdIOException | java.io.EOFException e) {
                requireIntact(layer.digest());
                throw Import.damaged(what, e);
            } catch (ImageException e) {
                requireIntact(layer.digest());
                throw e;
            }
            progress.on(layer.digest().toString(), PullProgress.Step.UNPACKED, layer.size(), layer.size());
        }
    }

    /** Tells a hostile image from a disk that lost something. */
    private void requireIntact(Digest digest) throws IOException {
        if (!blobs.isIntact(digest)) {
            throw blobs.damaged(digest);
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
