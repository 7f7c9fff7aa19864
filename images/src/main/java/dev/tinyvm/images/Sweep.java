package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.RegistryClient;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;

/**
 * Finds out what refers to what, and removes what nothing does. An image stays while a tag points to it, a Tiny VM uses it, or it was imported
 * as plain files under a name of its own; a blob stays while an image that stays has it. The store's lock is held.
 */
final class Sweep {
    private final StorePaths paths;
    private final BlobStore blobs;
    private final Tags tags;

    Sweep(StorePaths paths, BlobStore blobs) {
        this.paths = paths;
        this.blobs = blobs;
        this.tags = new Tags(paths.tags());
    }

    /**
     * Whether a Tiny VM uses an image: it is pinned by its name, or a descriptor has its digest, or a tag that points to it.
     *
     * @param pointing tags that point to it now
     * @param inUse images as records pin them and as descriptors call them
     */
    static boolean isUsed(Image image, List<ImageTag> pointing, Set<String> inUse) {
        if (inUse.contains(image.name())) {
            return true;
        }
        return inUse.stream()
                .flatMap(used -> References.parse(used).stream())
                .anyMatch(used -> used.digest() != null
                        ? image.manifests().contains(used.digest().toString())
                        : pointing.stream().anyMatch(tag -> tag.reference().equals(used.canonical())));
    }

    /**
     * Takes an image's record away, so that nothing can be made from it any more, and puts it back when something has been made meanwhile: whoever
     * makes a Tiny VM pins first and looks for the record after.
     *
     * @return whether it is gone
     */
    boolean removeRecord(Image image, List<ImageTag> pointing, Supplier<Set<String>> inUse) throws IOException {
        if (isUsed(image, pointing, inUse.get())) {
            return false;
        }
        Files.deleteIfExists(paths.record(image.name()));
        if (!isUsed(image, pointing, inUse.get())) {
            new Verifications(paths.verified()).remove(image.name());
            return true;
        }
        Metadata.write(paths.record(image.name()), image);
        return false;
    }

    /** Removes images that nothing refers to, and blobs that no image has; records first. */
    GcResult run(Supplier<Set<String>> inUse, StoreLock lock) throws IOException {
        Set<String> tagged = tags.all().stream().map(ImageTag::image).collect(Collectors.toSet());
        List<String> removed = new ArrayList<>();
        List<Image> kept = new ArrayList<>();
        long freed = 0;
        for (Image image : images()) {
            if (!image.isOci() || tagged.contains(image.name()) || !removeRecord(image, List.of(), inUse)) {
                kept.add(image);
            } else {
                removed.add(image.name());
                // Shared layers are counted where they are removed.
                freed += image.layers().isEmpty() ? image.sizeBytes() : 0;
            }
        }
        for (ImageTag tag : tags.all()) {
            if (!paths.exists(tag.image())) {
                tags.remove(tag.reference());
            }
        }
        freed += removeLayers(kept);
        lock.removeLeftovers();
        Set<Digest> needed = new HashSet<>();
        for (Image image : kept) {
            needed.addAll(blobsOf(image));
        }
        int count = 0;
        for (Digest digest : blobs.all()) {
            if (!needed.contains(digest)) {
                freed += blobs.remove(digest);
                count++;
            }
        }
        return new GcResult(removed, count, freed + blobs.removePartials());
    }

    /** Removes unpacked layers that none of the images has, records first. @return bytes of their files */
    private long removeLayers(List<Image> of) throws IOException {
        Set<String> needed =
                of.stream().flatMap(image -> image.layers().stream()).collect(Collectors.toSet());
        long freed = 0;
        try (DirectoryStream<Path> records = Files.newDirectoryStream(paths.layers(), "[0-9a-f]*" + StorePaths.JSON)) {
            for (Path record : records) {
                LayerRecord layer = LayerRecord.read(record);
                if (!needed.contains(layer.diffId())) {
                    Files.delete(record);
                    removeFiles(layer);
                    freed += layer.sizeBytes();
                }
            }
        } catch (NoSuchFileException | NotDirectoryException e) {
            return 0;
        }
        return freed;
    }

    private void removeFiles(LayerRecord layer) throws IOException {
        try {
            int layers = Posix.openat(
                    Posix.AT_FDCWD, StorePaths.bytes(paths.layers()), Posix.O_RDONLY | Posix.O_DIRECTORY, 0);
            try {
                DeleteTree.delete(
                        layers, layer.diffId().substring(layer.diffId().indexOf(':') + 1));
            } finally {
                Posix.close(layers);
            }
        } catch (Posix.Failure e) {
            throw Installation.failure("the unused layer " + layer.diffId() + " could not be removed", e);
        }
    }

    /** What an unpacking that failed, or made no use of its layers, left. */
    void removeUnneededLayers() throws IOException {
        long _ = removeLayers(images());
    }

    /** After an image's record is gone: its layers and those of its blobs that no other image has. */
    void removeUnneeded(Set<Digest> ofRemoved, StoreLock lock) throws IOException {
        removeUnneededLayers();
        lock.removeLeftovers();
        Set<Digest> rest = new HashSet<>(ofRemoved);
        for (Image image : images()) {
            rest.removeAll(blobsOf(image));
        }
        for (Digest digest : rest) {
            blobs.remove(digest);
        }
    }

    /** What an image was made of, as far as its manifest is stored. */
    Set<Digest> blobsOf(Image image) throws IOException {
        Set<Digest> all = new HashSet<>();
        for (String text : image.manifests()) {
            Digest digest = Digest.parse(text).orElse(null);
            if (digest == null || !blobs.has(digest)) {
                continue;
            }
            all.add(digest);
            JsonNode root = OciJson.parse(blobs.read(digest, RegistryClient.MAX_MANIFEST_BYTES), text);
            if (!OciJson.isIndex(root, "")) {
                OciJson.Manifest manifest = OciJson.manifest(root, text);
                all.add(manifest.config().digest());
                manifest.layers().forEach(layer -> all.add(layer.digest()));
            }
        }
        return all;
    }

    /** All that are stored. */
    List<Image> images() throws IOException {
        List<Image> images = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(paths.records(), "[a-z0-9]*" + StorePaths.JSON)) {
            for (Path file : files) {
                String name = String.valueOf(file.getFileName());
                String bare = name.substring(0, name.length() - StorePaths.JSON.length());
                try {
                    images.add(Metadata.read(file, bare));
                } catch (NoSuchFileException e) {
                    // Removed while this reads, which needs no lock.
                }
            }
        } catch (NoSuchFileException | NotDirectoryException e) {
            return List.of();
        }
        return images;
    }
}
