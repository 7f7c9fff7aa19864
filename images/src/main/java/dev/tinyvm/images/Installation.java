package dev.tinyvm.images;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;

/** Makes one image: its files aside, then renamed, then its record. Nothing of it stays when that fails. The store's lock is held. */
final class Installation {
    private final StorePaths paths;
    private final String name;
    private final String attempted;

    /** Puts files into an open, empty directory and says what it made. */
    @FunctionalInterface
    interface Filling {
        Image fill(int root) throws IOException, Posix.Failure;
    }

    /** @param attempted for messages, such as `x` could not be imported */
    Installation(StorePaths paths, String name, String attempted) {
        this.paths = paths;
        this.name = name;
        this.attempted = attempted;
    }

    /** @throws ImageException with the reason */
    Image run(Filling filling) {
        Path temporary = paths.directory().resolve(".import-" + name);
        boolean done = false;
        try {
            Files.createDirectory(
                    temporary, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            Files.createDirectory(temporary.resolve("rootfs"));
            int root = Posix.openat(
                    Posix.AT_FDCWD,
                    StorePaths.bytes(temporary.resolve("rootfs")),
                    Posix.O_RDONLY | Posix.O_DIRECTORY,
                    0);
            Image image;
            try {
                image = filling.fill(root);
                Posix.syncfs(root);
            } finally {
                Posix.close(root);
            }
            Files.move(temporary, paths.image(name), StandardCopyOption.ATOMIC_MOVE);
            // Before the record, so that no crash leaves a record without its files.
            DurableFile.sync(paths.directory());
            Metadata.write(paths.record(name), image);
            done = true;
            return image;
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
                removeTraces();
            }
        }
    }

    private void removeTraces() {
        try {
            int store = Posix.openat(
                    Posix.AT_FDCWD, StorePaths.bytes(paths.directory()), Posix.O_RDONLY | Posix.O_DIRECTORY, 0);
            try {
                DeleteTree.delete(store, ".import-" + name);
                if (!paths.exists(name)) {
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
