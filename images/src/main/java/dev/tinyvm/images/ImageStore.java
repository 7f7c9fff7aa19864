package dev.tinyvm.images;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The images of one machine, in one directory:
 *
 * <pre>
 *   .meta/NAME.json     the record; an image exists exactly when this does
 *   NAME/rootfs/        its files, with their owners; NAME is closed to everybody but root, since an image may hold setuid programs
 *   .import-*, .remove-*  being made or removed; what a killed process left is removed by the next import or removal
 *   .lock               held while importing or removing
 * </pre>
 *
 * <p>{@code host} is always there and stores nothing. Reading needs no privilege and no lock; importing real root file systems needs root,
 * for their owners. For any thread and process.
 */
public final class ImageStore {
    /** The name of this machine's own programs. */
    public static final String HOST = HostImage.NAME;

    private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9._-]{0,127}");
    private static final String META = ".meta";
    private static final String JSON = ".json";

    private final Path directory;

    /**
     * @param directory {@code <data>/images}; made by the first import
     */
    public ImageStore(Path directory) {
        this.directory = directory.toAbsolutePath().normalize();
    }

    /** Where the images are. */
    public Path directory() {
        return directory;
    }

    /** The image that a descriptor's {@code image} names; empty when there is none, also for a name that none can have. */
    public Optional<Image> find(String reference) {
        if (reference.equals(HOST)) {
            return Optional.of(HostImage.of());
        }
        if (!NAME.matcher(reference).matches()) {
            return Optional.empty();
        }
        try {
            return Optional.of(Metadata.read(metadata(reference), reference));
        } catch (NoSuchFileException e) {
            return Optional.empty();
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
                        "there is no image `" + reference + "`; there are: "
                                + String.join(
                                        ", ", list().stream().map(Image::name).toList())));
    }

    /** All images, {@code host} first, then by name. */
    public List<Image> list() {
        List<Image> images = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory.resolve(META), "[a-z0-9]*" + JSON)) {
            for (Path file : files) {
                String name = String.valueOf(file.getFileName());
                find(name.substring(0, name.length() - JSON.length())).ifPresent(images::add);
            }
        } catch (NoSuchFileException | NotDirectoryException e) {
            // Nothing was imported yet.
        } catch (IOException e) {
            throw new ImageException(
                    ImageException.Code.IO,
                    "the images in " + directory + " could not be listed: " + e.getMessage(),
                    e);
        }
        images.sort(Comparator.comparing(Image::name));
        images.addFirst(HostImage.of());
        return images;
    }

    /**
     * Imports a root file system; nothing of it stays when this throws.
     *
     * @param name what it will be called
     * @param source a directory, or a tar archive (plain or gzip)
     * @throws ImageException with the reason
     */
    public ImportResult importFrom(String name, Path source, ImageConfig config) {
        return importFrom(name, source, config, ImportLimits.DEFAULT);
    }

    /** As above with other limits. */
    public ImportResult importFrom(String name, Path source, ImageConfig config, ImportLimits limits) {
        checkName(name);
        if (!Files.exists(source)) {
            throw new ImageException(
                    ImageException.Code.NOT_FOUND,
                    "`" + source + "` cannot be imported: there is no such file or directory");
        }
        try (StoreLock lock = StoreLock.take(directory)) {
            lock.removeLeftovers();
            if (find(name).isPresent()) {
                throw new ImageException(
                        ImageException.Code.EXISTS,
                        "there is an image `" + name + "` already; remove it first (tinyvm image rm " + name
                                + ") or choose another name");
            }
            return new Import(directory, name, source, config, limits).run(metadata(name));
        }
    }

    /**
     * Removes an image.
     *
     * @param inUse names that Tiny VMs use
     * @throws ImageException NOT_FOUND, IN_USE, INVALID_NAME for {@code host}, BUSY, PERMISSION, IO
     */
    public void remove(String name, Collection<String> inUse) {
        if (name.equals(HOST)) {
            throw new ImageException(
                    ImageException.Code.INVALID_NAME, "`host` is this machine itself and cannot be removed");
        }
        inspect(name);
        if (inUse.contains(name)) {
            throw new ImageException(
                    ImageException.Code.IN_USE,
                    "the image `" + name + "` is used by Tiny VMs; remove those first (tinyvm ps shows them)");
        }
        try (StoreLock lock = StoreLock.take(directory)) {
            try {
                // The record first: from here on the image does not exist, and what is left of it is a leftover.
                Files.deleteIfExists(metadata(name));
            } catch (java.nio.file.AccessDeniedException e) {
                throw new ImageException(
                        ImageException.Code.PERMISSION,
                        "the image `" + name + "` can only be removed by root; try again with sudo",
                        e);
            } catch (IOException e) {
                throw new ImageException(
                        ImageException.Code.IO, "the image `" + name + "` could not be removed: " + e.getMessage(), e);
            }
            lock.removeLeftovers();
        }
    }

    private Path metadata(String name) {
        return directory.resolve(META).resolve(name + JSON);
    }

    /** Whether a directory of the store belongs to an image that exists. */
    static boolean exists(Path directory, String name) {
        return Files.exists(directory.resolve(META).resolve(name + JSON), LinkOption.NOFOLLOW_LINKS);
    }

    private static void checkName(String name) {
        if (name.equals(HOST)) {
            throw new ImageException(
                    ImageException.Code.INVALID_NAME,
                    "`host` is this machine itself; choose another name for the import");
        }
        if (!NAME.matcher(name).matches() || name.equals("js") || name.endsWith(".js") || name.endsWith(".wasm")) {
            throw new ImageException(
                    ImageException.Code.INVALID_NAME,
                    "`"
                            + name.codePoints()
                                    .filter(point -> point >= ' ' && point != 0x7f)
                                    .limit(140)
                                    .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                            + "` is not a name for an image; allowed are 1 to 128 characters a-z, 0-9, ., _ and -, a letter or digit first, and not the endings .js and .wasm");
        }
    }
}
