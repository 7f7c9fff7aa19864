package dev.tinyvm.images;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Makes one directory of the store, an image's or a layer's: its files aside, then renamed, then its record. Nothing of it stays when that fails. The store's
 * lock is held.
 */
final class Installation {
    private final Path parent;
    private final String name;
    private final Path record;
    private final ImageFormat format;
    private final String attempted;

    /** Puts files into an open, empty directory and says what it made. */
    @FunctionalInterface
    interface Filling<T> {
        T fill(int root) throws IOException, Posix.Failure;
    }

    /** Writes the record, durable when it returns. */
    @FunctionalInterface
    interface Recording<T> {
        void write(T made) throws IOException;
    }

    /**
     * @param parent directory in which it is made
     * @param name in it
     * @param record without which it is a leftover
     * @param attempted for messages, such as `x` could not be imported
     */
    Installation(Path parent, String name, Path record, ImageFormat format, String attempted) {
        this.parent = parent;
        this.name = name;
        this.record = record;
        this.format = format;
        this.attempted = attempted;
    }

    /** Makes files. @throws ImageException with the reason */
    <T> T run(Filling<T> filling, Recording<T> recording) {
        return make(
                temporary -> {
                    Files.createDirectory(temporary.resolve(StorePaths.ROOTFS));
                    int root = Posix.openat(
                            Posix.AT_FDCWD,
                            StorePaths.bytes(temporary.resolve(StorePaths.ROOTFS)),
                            Posix.O_RDONLY | Posix.O_DIRECTORY,
                            0);
                    try {
                        T made = filling.fill(root);
                        if (format == ImageFormat.DIRECTORY || !pack(temporary)) {
                            Posix.syncfs(root);
                        }
                        return made;
                    } finally {
                        Posix.close(root);
                    }
                },
                recording);
    }

    /** Makes an image of layers that are unpacked already, topmost first. */
    <T> T run(List<String> layers, T made, Recording<T> recording) {
        return make(
                temporary -> {
                    StringBuilder lines = new StringBuilder();
                    layers.forEach(layer -> lines.append(layer.substring(layer.indexOf(':') + 1))
                            .append('\n'));
                    DurableFile.write(temporary.resolve(StorePaths.LAYERS), lines.toString());
                    return made;
                },
                recording);
    }

    /** What is made aside. */
    @FunctionalInterface
    private interface Step<T> {
        T in(Path temporary) throws IOException, Posix.Failure;
    }

    /** Makes one file of the directory; false when this machine cannot, and it stays a directory. */
    private boolean pack(Path temporary) throws IOException, Posix.Failure {
        Optional<String> why = ErofsFile.make(temporary.resolve(StorePaths.ROOTFS), temporary.resolve(ErofsFile.NAME));
        if (why.isPresent()) {
            if (format == ImageFormat.EROFS) {
                throw new ImageException(
                        ImageException.Code.UNSUPPORTED, attempted + " as an EROFS file: " + why.get());
            }
            return false;
        }
        int above = Posix.openat(Posix.AT_FDCWD, StorePaths.bytes(temporary), Posix.O_RDONLY | Posix.O_DIRECTORY, 0);
        try {
            DeleteTree.delete(above, StorePaths.ROOTFS);
        } finally {
            Posix.close(above);
        }
        DurableFile.sync(temporary);
        return true;
    }

    private <T> T make(Step<T> step, Recording<T> recording) {
        // Random, since ext4 finds the place of a directory by its name: see SpreadDirectories.
        String aside = ".import-" + name + "-"
                + Long.toHexString(ThreadLocalRandom.current().nextLong());
        Path temporary = parent.resolve(aside);
        boolean done = false;
        try {
            SpreadDirectories.ask(parent);
            Files.createDirectory(
                    temporary, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            T made = step.in(temporary);
            Files.move(temporary, parent.resolve(name), StandardCopyOption.ATOMIC_MOVE);
            // Before the record, so that no crash leaves a record without its files.
            DurableFile.sync(parent);
            recording.write(made);
            done = true;
            return made;
        } catch (Posix.Failure e) {
            throw failure(attempted, e);
        } catch (java.nio.file.AccessDeniedException e) {
            throw new ImageException(
                    ImageException.Code.PERMISSION,
                    attempted + ": no permission for " + e.getFile() + "; try again with sudo",
                    e);
        } catch (IOException e) {
            throw new ImageException(
                    ImageException.Code.IO,
                    attempted + ": " + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()),
                    e);
        } finally {
            if (!done) {
                removeTraces(aside);
            }
        }
    }

    private void removeTraces(String aside) {
        try {
            int store = Posix.openat(Posix.AT_FDCWD, StorePaths.bytes(parent), Posix.O_RDONLY | Posix.O_DIRECTORY, 0);
            try {
                DeleteTree.delete(store, aside);
                if (Files.notExists(record)) {
                    DeleteTree.delete(store, name);
                }
            } finally {
                Posix.close(store);
            }
        } catch (Posix.Failure e) {
            // The reason of the failed import matters more; the next import removes what is left.
            org.slf4j.LoggerFactory.getLogger(Installation.class)
                    .warn("leftovers of a failed import of {} stay: {}", name, e.getMessage());
        }
    }

    /** What a system call's failure means to a person. */
    static ImageException failure(String attempted, Posix.Failure failure) {
        return switch (failure.errno()) {
            case Posix.EPERM, Posix.EACCES ->
                new ImageException(
                        ImageException.Code.PERMISSION,
                        attempted + ": only root can give files their owners and rights; try again with sudo",
                        failure);
            case 28, 122 -> new ImageException(ImageException.Code.IO, attempted + ": the disk is full", failure);
            case 38 ->
                new ImageException(
                        ImageException.Code.IO,
                        attempted + ": this kernel has no openat2; Linux 5.6 or newer is needed",
                        failure);
            case Posix.ENOTSUP ->
                new ImageException(
                        ImageException.Code.IO,
                        attempted + ": the file system of the images cannot store extended attributes",
                        failure);
            default -> new ImageException(ImageException.Code.IO, attempted + ": " + failure.getMessage(), failure);
        };
    }
}
