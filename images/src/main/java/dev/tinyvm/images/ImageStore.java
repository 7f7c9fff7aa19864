package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.Reference;
import dev.tinyvm.images.registry.RegistryClient;
import dev.tinyvm.images.registry.RegistryException;
import dev.tinyvm.images.registry.RegistryOptions;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The images of one machine, in one directory:
 *
 * <pre>
 *   .meta/NAME.json     the record; an image exists exactly when this does
 *   NAME/rootfs/        its files, with their owners, or NAME/rootfs.erofs with the same in one file, or NAME/layers with the digests of its layers;
 *                       NAME is closed to everybody but root, since an image may hold setuid programs
 *   .layers/            unpacked layers that images share, by the digest of their content, laid out like an image; a record each
 *   .tags/              references that point to images
 *   .verified/          signatures that were verified, by image
 *   .blobs/             manifests, configurations and layers as they came, by digest
 *   .import-*, .remove-*  being made or removed; what a killed process left is removed by the next import or removal
 *   .lock               held while importing or removing
 * </pre>
 *
 * <p>A root file system that is imported has the name that it was given. An OCI image has the name {@code sha256-} and its manifest's digits;
 * tags point to it. {@code host} is always there and stores nothing. Reading needs no privilege and no lock; importing real root file systems
 * needs root, for their owners. For any thread and process.
 */
public final class ImageStore {
    /** The name of this machine's own programs. */
    public static final String HOST = HostImage.NAME;

    private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9._-]{0,127}");
    private static final Pattern OCI_NAME = Pattern.compile("sha256-[0-9a-f]{64}");

    private final StorePaths paths;
    private final BlobStore blobs;
    private final Tags tags;
    private final ImageFormat format;
    private final SignaturePolicy policy;

    /** @param directory {@code <data>/images}; made by the first import */
    public ImageStore(Path directory) {
        this(directory, ImageFormat.AUTO);
    }

    /** As above. @param format of what is unpacked from now on; what is there is used as it is */
    public ImageStore(Path directory, ImageFormat format) {
        this(directory, format, SignaturePolicy.NONE);
    }

    /** As above. @param policy which images must be signed, from now on */
    public ImageStore(Path directory, ImageFormat format, SignaturePolicy policy) {
        this.format = format;
        this.policy = policy;
        this.paths = new StorePaths(directory.toAbsolutePath().normalize());
        this.blobs = new BlobStore(paths.blobs());
        this.tags = new Tags(paths.tags());
    }

    /** Where the images are. */
    public Path directory() {
        return paths.directory();
    }

    /**
     * The image that a descriptor's {@code image} names: by the name that it was imported under, by a reference ({@code alpine:3.20},
     * {@code ghcr.io/x/y@sha256:…}), or by its digest alone. Empty when there is none, also for what no image can be called.
     */
    public Optional<Image> find(String reference) {
        if (reference.equals(HOST)) {
            return Optional.of(HostImage.of());
        }
        try {
            Optional<Image> named = NAME.matcher(reference).matches() ? record(reference) : Optional.empty();
            return named.isPresent() ? named : pointedTo(reference);
        } catch (IOException e) {
            throw new ImageException(
                    ImageException.Code.IO,
                    "the image `" + reference + "` could not be looked up: " + e.getMessage(),
                    e);
        }
    }

    /** As {@link #find}; NOT_FOUND says what there is. */
    public Image inspect(String reference) {
        return find(reference)
                .orElseThrow(() -> new ImageException(
                        ImageException.Code.NOT_FOUND,
                        "there is no image `" + reference + "`; there are: " + String.join(", ", names())));
    }

    /** All images, {@code host} first, then by name. */
    public List<Image> list() {
        try {
            List<Image> images = new ArrayList<>(new Sweep(paths, blobs).images());
            images.sort(Comparator.comparing(Image::name));
            images.addFirst(HostImage.of());
            return images;
        } catch (IOException e) {
            throw unlisted(e);
        }
    }

    /** All tags, by reference. */
    public List<ImageTag> tags() {
        try {
            return tags.all();
        } catch (IOException e) {
            throw unlisted(e);
        }
    }

    /**
     * Imports a root file system, or an image that another tool saved (an OCI layout as directory or archive, {@code docker save}); nothing of it
     * stays when this throws.
     *
     * @param name what it will be called; of a saved image a reference that will point to it
     * @param source a directory, or a tar archive (plain, gzip or zstd)
     * @param config of a root file system; a saved image brings its own, and then this must be {@link ImageConfig#DEFAULT}
     * @throws ImageException with the reason
     */
    public ImportResult importFrom(String name, Path source, ImageConfig config) {
        return importFrom(name, source, config, ImportLimits.DEFAULT);
    }

    /** As above with other limits. */
    public ImportResult importFrom(String name, Path source, ImageConfig config, ImportLimits limits) {
        if (!Files.exists(source)) {
            checkName(name);
            throw new ImageException(
                    ImageException.Code.NOT_FOUND,
                    "`" + source + "` cannot be imported: there is no such file or directory");
        }
        return attempt("`" + source + "` could not be imported", () -> {
            if (ArchiveImport.recognises(source)) {
                return importSaved(name, source, config, limits);
            }
            checkName(name);
            try (StoreLock lock = StoreLock.take(paths.directory())) {
                lock.removeLeftovers();
                requireFree(name, paths.exists(name));
                return new Import(paths, name, source, config, limits, format).run();
            }
        });
    }

    private ImportResult importSaved(String name, Path source, ImageConfig config, ImportLimits limits)
            throws IOException {
        if (!config.equals(ImageConfig.DEFAULT)) {
            throw new ImageException(
                    ImageException.Code.UNSUPPORTED,
                    "`" + source
                            + "` is an image with a configuration of its own: leave user, environment, directory and command away, and set them in the descriptor");
        }
        Reference reference = reference(name);
        try (StoreLock lock = StoreLock.take(paths.directory())) {
            lock.removeLeftovers();
            lock.openForLayers();
            requireFree(
                    name,
                    tags.find(reference)
                            .filter(tag -> paths.exists(tag.image()))
                            .isPresent());
            return new ArchiveImport(paths, blobs, reference, source, limits, format, PullProgress.NONE).run();
        }
    }

    /**
     * Pulls an image from its registry. What is there already is not transferred again: of a current image nothing but the digest of its tag.
     *
     * @param reference such as {@code alpine:3.20}
     * @return the image; the reference points to it from now on
     * @throws ImageException with the reason; blobs that were transferred are kept for the next try
     */
    public PullResult pull(String reference, RegistryOptions options, ImportLimits limits, PullProgress progress) {
        Reference parsed = reference(reference);
        return attempt("`" + parsed + "` could not be pulled", () -> {
            try (StoreLock lock = StoreLock.take(paths.directory());
                    RegistryClient client = new RegistryClient(options)) {
                lock.removeLeftovers();
                lock.openForLayers();
                return new Pull(paths, blobs, client, parsed, policy, limits, format, progress).run();
            }
        });
    }

    /**
     * Sends an image that was pulled, or imported with its layers, to a registry.
     *
     * @param name of the image here: a reference, or its own name
     * @param to what it will be there
     * @return the digest that pins it there, {@code sha256:…}
     */
    public String push(String name, String to, RegistryOptions options, PullProgress progress) {
        Reference target = reference(to);
        if (target.digest() != null) {
            throw new ImageException(
                    ImageException.Code.INVALID_NAME,
                    "`" + target + "` has a digest; push to a tag, which gives the digest");
        }
        Image image = inspect(name);
        return attempt("`" + target + "` could not be pushed", () -> {
            try (StoreLock lock = StoreLock.take(paths.directory());
                    RegistryClient client = new RegistryClient(options)) {
                lock.removeLeftovers();
                return new Push(blobs, client, progress).run(image, target).toString();
            }
        });
    }

    /**
     * Removes an image with the blobs that no other has; of one with several tags only the tag that is given.
     *
     * @param inUse tells the images that Tiny VMs use, as their records pin them and as descriptors call them; asked several times
     * @throws ImageException NOT_FOUND, IN_USE, INVALID_NAME for {@code host}, BUSY, PERMISSION, IO
     */
    public void remove(String name, Supplier<Set<String>> inUse) {
        if (name.equals(HOST)) {
            throw new ImageException(
                    ImageException.Code.INVALID_NAME, "`host` is this machine itself and cannot be removed");
        }
        Image image = inspect(name);
        attempt("the image `" + name + "` could not be removed", () -> {
            try (StoreLock lock = StoreLock.take(paths.directory())) {
                List<ImageTag> pointing = tags.all().stream()
                        .filter(tag -> tag.image().equals(image.name()))
                        .toList();
                Optional<ImageTag> given = References.parse(name).stream()
                        .flatMap(r ->
                                pointing.stream().filter(tag -> tag.reference().equals(r.canonical())))
                        .findFirst();
                boolean oneOfSeveral = given.isPresent() && pointing.size() > 1;
                // A Tiny VM whose descriptor has the tag could not start again without it, though the image stays.
                Sweep sweep = new Sweep(paths, blobs);
                Set<Digest> made = image.isOci() ? sweep.blobsOf(image) : Set.of();
                // The record first: from here on the image does not exist, and what is left of it is a leftover.
                boolean used = oneOfSeveral
                        ? inUse.get().stream()
                                .flatMap(u -> References.parse(u).stream())
                                .anyMatch(u -> u.canonical().equals(given.get().reference()))
                        : !sweep.removeRecord(image, pointing, inUse);
                if (used) {
                    throw new ImageException(
                            ImageException.Code.IN_USE,
                            "the image `" + name + "` is used by Tiny VMs; remove those first (tinyvm ps shows them)");
                }
                if (oneOfSeveral) {
                    tags.remove(given.get().reference());
                    return null;
                }
                for (ImageTag tag : pointing) {
                    tags.remove(tag.reference());
                }
                sweep.removeUnneeded(made, lock);
                return null;
            }
        });
    }

    /**
     * Removes OCI images that no tag points to, and blobs that no image has, also of transfers that broke.
     *
     * @param inUse tells the images that Tiny VMs use, as their records pin them and as descriptors call them; asked several times
     */
    public GcResult gc(Supplier<Set<String>> inUse) {
        return attempt("unused images could not be removed", () -> {
            try (StoreLock lock = StoreLock.take(paths.directory())) {
                return new Sweep(paths, blobs).run(inUse, lock);
            }
        });
    }

    private Optional<Image> record(String name) throws IOException {
        try {
            return Optional.of(Metadata.read(paths.record(name), name));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    private Optional<Image> pointedTo(String text) throws IOException {
        Optional<Digest> bare = Digest.parse(text);
        if (bare.isPresent()) {
            return byDigest(bare.get());
        }
        Optional<Reference> reference = References.parse(text);
        if (reference.isEmpty()) {
            return Optional.empty();
        }
        Digest digest = reference.get().digest();
        if (digest != null) {
            return byDigest(digest);
        }
        Optional<ImageTag> tag = tags.find(reference.get());
        return tag.isPresent() ? record(tag.get().image()) : Optional.empty();
    }

    /** By the manifest's digest, which is its name, else by that of an index. */
    private Optional<Image> byDigest(Digest digest) throws IOException {
        Optional<Image> named = record(StorePaths.name(digest));
        if (named.isPresent()) {
            return named;
        }
        return new Sweep(paths, blobs)
                .images().stream()
                        .filter(image -> image.manifests().contains(digest.toString()))
                        .findFirst();
    }

    /** As people call them. */
    private List<String> names() {
        List<String> names = new ArrayList<>();
        list().stream().filter(image -> !image.isOci()).map(Image::name).forEach(names::add);
        tags().stream().map(ImageTag::familiar).forEach(names::add);
        return names;
    }

    /** What can go wrong, in this module's words. */
    private static <T extends @Nullable Object> T attempt(String attempted, Step<T> step) {
        try {
            return step.run();
        } catch (RegistryException e) {
            throw ImageException.of(e);
        } catch (AccessDeniedException e) {
            throw new ImageException(
                    ImageException.Code.PERMISSION,
                    attempted + ": only root may (" + e.getFile() + "); try again with sudo",
                    e);
        } catch (IOException e) {
            throw new ImageException(
                    ImageException.Code.IO,
                    attempted + ": " + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()),
                    e);
        }
    }

    private ImageException unlisted(IOException e) {
        return new ImageException(
                ImageException.Code.IO,
                "the images in " + paths.directory() + " could not be listed: " + e.getMessage(),
                e);
    }

    private static Reference reference(String text) {
        try {
            return Reference.parse(text);
        } catch (RegistryException e) {
            throw ImageException.of(e);
        }
    }

    private static void requireFree(String name, boolean taken) {
        if (taken) {
            throw new ImageException(
                    ImageException.Code.EXISTS,
                    "there is an image `" + name + "` already; remove it first (tinyvm image rm " + name
                            + ") or choose another name");
        }
    }

    private static void checkName(String name) {
        if (name.equals(HOST)) {
            throw new ImageException(
                    ImageException.Code.INVALID_NAME,
                    "`host` is this machine itself; choose another name for the import");
        }
        if (!NAME.matcher(name).matches()
                || OCI_NAME.matcher(name).matches()
                || name.equals("js")
                || name.endsWith(".js")
                || name.endsWith(".wasm")) {
            throw new ImageException(
                    ImageException.Code.INVALID_NAME,
                    "`"
                            + name.codePoints()
                                    .filter(point -> point >= ' ' && point != 0x7f)
                                    .limit(140)
                                    .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                            + "` is not a name for an image; allowed are 1 to 128 characters a-z, 0-9, ., _ and -, a letter or digit first, not the endings .js and .wasm, and not sha256- with a digest");
        }
    }

    private interface Step<T extends @Nullable Object> {
        T run() throws IOException;
    }
}
