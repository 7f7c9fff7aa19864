package dev.tinyvm.images;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.function.Predicate;

/** Held by the one process that changes a store. The kernel drops it when the process dies. */
final class StoreLock implements AutoCloseable {
    private final Path directory;
    private final FileChannel channel;

    private StoreLock(Path directory, FileChannel channel) {
        this.directory = directory;
        this.channel = channel;
    }

    /** Does not wait: BUSY when another holds it. */
    static StoreLock take(Path directory) {
        FileChannel channel = null;
        try {
            open(directory);
            open(directory.resolve(".meta"));
            channel = FileChannel.open(directory.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            FileLock lock = tryLock(channel);
            if (lock != null) {
                return new StoreLock(directory, channel);
            }
            channel.close();
        } catch (java.nio.file.AccessDeniedException e) {
            throw new ImageException(
                    ImageException.Code.PERMISSION,
                    "images in " + directory + " can only be changed by their owner or root; try again with sudo",
                    e);
        } catch (IOException e) {
            throw new ImageException(
                    ImageException.Code.IO,
                    "the image store " + directory + " could not be locked: " + e.getMessage(),
                    e);
        }
        throw new ImageException(
                ImageException.Code.BUSY,
                "another import or removal is going on in " + directory + "; try again when it has ended");
    }

    /** Made when it is not there; readable by the manager, whatever the umask of the importing root is. */
    private static void open(Path directory) throws IOException {
        if (Files.notExists(directory)) {
            Files.createDirectories(directory);
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
    }

    /** Makes what OCI images need besides. */
    void openForLayers() throws IOException {
        open(directory.resolve(".tags"));
        open(directory.resolve(".layers"));
        new BlobStore(directory.resolve(".blobs")).prepare();
    }

    private static @org.jspecify.annotations.Nullable FileLock tryLock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            return null;
        }
    }

    /** Removes what no record stands for: imports and removals that were killed. */
    void removeLeftovers() {
        try {
            StorePaths paths = new StorePaths(directory);
            removeLeftovers(
                    directory, name -> StorePaths.OWN.contains(name) || (!name.startsWith(".") && paths.exists(name)));
            if (Files.exists(paths.layers())) {
                removeLeftovers(
                        paths.layers(),
                        name -> name.endsWith(StorePaths.JSON)
                                ? !name.startsWith(".")
                                : Files.exists(paths.layers().resolve(name + StorePaths.JSON)));
            }
        } catch (Posix.Failure e) {
            throw Installation.failure("leftovers in " + directory + " could not be removed", e);
        }
    }

    private static void removeLeftovers(Path in, Predicate<String> stays) throws Posix.Failure {
        int opened = Posix.openat(Posix.AT_FDCWD, StorePaths.bytes(in), Posix.O_RDONLY | Posix.O_DIRECTORY, 0);
        try {
            for (String name : Posix.names(opened)) {
                if (!stays.test(name)) {
                    DeleteTree.delete(opened, name);
                }
            }
        } finally {
            Posix.close(opened);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new ImageException(
                    ImageException.Code.IO,
                    "the lock of " + directory + " could not be released: " + e.getMessage(),
                    e);
        }
    }
}
