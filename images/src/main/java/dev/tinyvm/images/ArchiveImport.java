package dev.tinyvm.images;

import com.github.luben.zstd.ZstdIOException;
import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.Reference;
import dev.tinyvm.images.registry.RegistryClient;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.zip.ZipException;
import tools.jackson.databind.JsonNode;

/**
 * Imports what other tools save: an OCI layout as a directory or in a tar archive
 * ({@code https://github.com/opencontainers/image-spec/blob/main/image-layout.md}), and {@code docker save}. The store's lock is held.
 */
final class ArchiveImport {
    /** What stands first in such an archive, and in no root file system. */
    private static final Pattern FIRST = Pattern.compile(
            "(blobs|oci-layout|index\\.json|manifest\\.json|repositories|[0-9a-f]{64}(\\.json|\\.tar)?)(/.*)?");

    private final StorePaths paths;
    private final BlobStore blobs;
    private final Reference reference;
    private final Path source;
    private final ImportLimits limits;
    private final ImageFormat format;
    private final PullProgress progress;
    private final String where;

    ArchiveImport(
            StorePaths paths,
            BlobStore blobs,
            Reference reference,
            Path source,
            ImportLimits limits,
            ImageFormat format,
            PullProgress progress) {
        this.paths = paths;
        this.blobs = blobs;
        this.reference = reference;
        this.source = source;
        this.limits = limits;
        this.format = format;
        this.progress = progress;
        this.where = "`" + source + "`";
    }

    /** Whether a directory or archive holds an image rather than a root file system. */
    static boolean recognises(Path source) throws IOException {
        if (Files.isDirectory(source)) {
            return Files.isRegularFile(source.resolve("oci-layout"), LinkOption.NOFOLLOW_LINKS);
        }
        if (!Files.isRegularFile(source)) {
            return false;
        }
        try (InputStream in = Decompression.of(Files.newInputStream(source), "`" + source + "`")) {
            FirstName first = new FirstName();
            TarReader.read(new BoundedStream(in, 1 << 20), first);
            return false;
        } catch (FirstName.Found e) {
            return FIRST.matcher(e.name()).matches();
        } catch (ImageException | Posix.Failure | ZipException | ZstdIOException | EOFException e) {
            // The import itself says what is wrong with it.
            return false;
        }
    }

    ImportResult run() throws IOException {
        Set<Digest> before = new HashSet<>(blobs.all());
        Unpacking unpacking = new Unpacking(paths, blobs, limits, format, progress);
        Set<Digest> needed = Set.of();
        try {
            List<Digest> manifests = Files.isDirectory(source) ? directory() : archive();
            Image image = unpacking.image(manifests, reference.canonical(), where);
            needed = new Sweep(paths, blobs).blobsOf(image);
            new Tags(paths.tags())
                    .put(new ImageTag(
                            reference.canonical(),
                            image.name(),
                            manifests.getLast().toString()));
            return new ImportResult(image, unpacking.leftOut());
        } finally {
            for (Digest digest : blobs.all()) {
                if (!before.contains(digest) && !needed.contains(digest)) {
                    blobs.remove(digest);
                }
            }
        }
    }

    private List<Digest> archive() throws IOException {
        ArchiveSink sink = new ArchiveSink(blobs, where);
        try (InputStream plain = Decompression.of(Files.newInputStream(source), where)) {
            TarReader.read(new BoundedStream(plain, limits.maxBytes() + 3L * 512 * ArchiveSink.MAX_ENTRIES), sink);
        } catch (ZipException | ZstdIOException | EOFException e) {
            throw Import.damaged(where, e);
        } catch (Posix.Failure e) {
            throw Installation.failure(where + " could not be imported", e);
        }
        if (sink.find("index.json").isPresent()) {
            byte[] index = blobs.read(sink.find("index.json").get(), RegistryClient.MAX_MANIFEST_BYTES);
            return layout(index, blob -> {});
        }
        if (sink.find("manifest.json").isPresent()) {
            return new DockerArchive(blobs, sink, reference, where).manifests();
        }
        throw OciJson.refused(where, "it has neither index.json nor manifest.json, so it is no image of a known kind");
    }

    private List<Digest> directory() throws IOException {
        Path index = source.resolve("index.json");
        if (!Files.isRegularFile(index, LinkOption.NOFOLLOW_LINKS)
                || Files.size(index) > RegistryClient.MAX_MANIFEST_BYTES) {
            throw OciJson.refused(where, "its index.json is missing or too large");
        }
        return layout(Files.readAllBytes(index), this::copy);
    }

    /** Brings one blob into the store. */
    @FunctionalInterface
    private interface Fetch {
        void blob(Descriptor blob) throws IOException;
    }

    private void copy(Descriptor blob) throws IOException {
        if (blobs.has(blob.digest())) {
            return;
        }
        Path file = source.resolve("blobs/sha256/" + blob.digest().hex());
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) || Files.size(file) != blob.size()) {
            throw OciJson.refused(
                    where, "its blob " + blob.digest().abbreviated() + " is missing or has another size than is said");
        }
        if (blob.size() > limits.maxBytes()) {
            throw new ImageException(
                    ImageException.Code.TOO_LARGE,
                    where + " is refused: it has over " + limits.maxBytes() + " bytes, the most that is allowed");
        }
        try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
            Digest found = blobs.put(in, blob.size());
            if (!found.equals(blob.digest())) {
                throw new ImageException(
                        ImageException.Code.DIGEST_MISMATCH,
                        where + " is refused: its blob " + blob.digest() + " has the digest " + found);
            }
        }
    }

    /** From the layout's index to a manifest; @return the manifest first, then the indexes on the way, if any is worth a name */
    private List<Digest> layout(byte[] index, Fetch fetch) throws IOException {
        List<Digest> manifests = new ArrayList<>();
        Descriptor at = pick(OciJson.index(OciJson.parse(index, where), where));
        while (true) {
            present(at, fetch);
            if (at.size() > RegistryClient.MAX_MANIFEST_BYTES) {
                throw OciJson.refused(where, "a manifest has over " + RegistryClient.MAX_MANIFEST_BYTES + " bytes");
            }
            manifests.addFirst(at.digest());
            JsonNode root = OciJson.parse(blobs.read(at.digest(), RegistryClient.MAX_MANIFEST_BYTES), where);
            if (!OciJson.isIndex(root, at.mediaType())) {
                OciJson.Manifest manifest = OciJson.manifest(root, where);
                present(manifest.config(), fetch);
                for (Descriptor layer : manifest.layers()) {
                    present(layer, fetch);
                }
                return manifests;
            }
            if (manifests.size() > 2) {
                throw OciJson.refused(where, "its indexes are nested too deep");
            }
            at = OciJson.choose(OciJson.index(root, where), Platform.current(), where);
        }
    }

    private void present(Descriptor blob, Fetch fetch) throws IOException {
        fetch.blob(blob);
        if (!blobs.has(blob.digest()) || Files.size(blobs.path(blob.digest())) != blob.size()) {
            throw OciJson.refused(
                    where, "its blob " + blob.digest().abbreviated() + " is missing or has another size than is said");
        }
    }

    /** The one that is meant, of a layout that may hold several images. */
    private Descriptor pick(List<Descriptor> all) {
        if (all.size() == 1) {
            return all.getFirst();
        }
        List<Descriptor> named = all.stream().filter(d -> isCalled(d.name())).toList();
        List<Descriptor> left = named.isEmpty() ? all : named;
        List<Descriptor> fitting = left.stream()
                .filter(d -> d.platform() == null || Platform.current().runs(d.platform()))
                .toList();
        if (fitting.size() == 1) {
            return fitting.getFirst();
        }
        throw OciJson.refused(
                where,
                "it holds " + all.size() + " images and none of them alone is called " + reference
                        + "; import one as what it is called: "
                        + String.join(
                                ", ",
                                all.stream()
                                        .map(d -> d.name().isEmpty() ? "(no name)" : EntryName.shown(d.name()))
                                        .limit(20)
                                        .toList()));
    }

    private boolean isCalled(String name) {
        return !name.isEmpty()
                && (name.equals(reference.tag())
                        || name.equals(reference.canonical())
                        || name.equals(reference.familiar())
                        || reference.familiar().equals(name + ":latest"));
    }
}
