package dev.tinyvm.engine;

import java.io.InputStream;
import java.io.OutputStream;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The file system inside a Tiny VM. Every call is made with the rights of {@code user} (empty: the default user); relative paths are
 * relative to that user's home. Failures are {@link GuestFileException} with the kernel's own errno.
 */
public interface GuestFiles {
    /** @param followLinks whether a symlink's target is described */
    Entry stat(String user, String path, boolean followLinks);

    /** @param depth 1 lists the directory itself only; paths are relative to {@code path}, parents before children */
    List<Entry> list(String user, String path, int depth);

    /** @param parents make missing parents, and an existing directory is no error */
    void makeDirectory(String user, String path, int mode, boolean parents);

    void rename(String user, String from, String to, boolean noReplace);

    void remove(String user, String path, boolean recursive);

    void chmod(String user, String path, int mode);

    /** Done as root, who also walks the path; a link itself is changed. @param path absolute @param owner {@code name}, {@code uid}, with optional {@code :group} */
    void chown(String path, String owner);

    void symlink(String user, String target, String path);

    /**
     * The extended attributes (xattr(7)) whose names begin with {@code user.}, of each path in turn, links followed. A path that is not there, may not be reached or has
     * more of them than fit 16 KiB has none, and so has all in a file system without attributes; values that are no text are passed over.
     */
    default List<Map<String, String>> attributes(String user, List<String> paths) {
        return paths.stream().map(path -> Map.<String, String>of()).toList();
    }

    /**
     * Sets an extended attribute. {@code EOPNOTSUPP} where the file system has none.
     *
     * @param name {@code user.…}, at most 255 bytes (else {@code EINVAL})
     * @param value at most 4,096 bytes (else {@code E2BIG})
     */
    default void setAttribute(String user, String path, String name, String value) {
        throw new GuestFileException(
                Errno.EOPNOTSUPP, "could not set " + name + " of " + path + ": there are no extended attributes here");
    }

    /** Removes an extended attribute; one that is not there is no error. */
    default void removeAttribute(String user, String path, String name) {
        throw new GuestFileException(
                Errno.EOPNOTSUPP,
                "could not remove " + name + " of " + path + ": there are no extended attributes here");
    }

    /** Reads; the stream must be closed. @param length at most so many bytes, −1 to the end */
    Content read(String user, String path, long offset, long length);

    /** Writes; the file is complete when the stream was closed without an exception; {@link WriteStream#abort} drops an atomic one. */
    WriteStream write(String user, String path, WriteOptions options);

    /** Watches until closed. {@code onEvent} is called on one virtual thread. */
    AutoCloseable watch(String user, String path, boolean recursive, Consumer<Change> onEvent);

    /** @param mode permission bits of a new file @param makeParents make missing directories @param append to what is there @param exclusive fail when it exists @param atomic readers see the old or the new file, never a part */
    record WriteOptions(int mode, boolean makeParents, boolean append, boolean exclusive, boolean atomic) {
        public static final WriteOptions REPLACE = new WriteOptions(0644, false, false, false, false);
    }

    /** A file being read. */
    record Content(Entry entry, InputStream stream) {}

    /** A file being written. */
    abstract class WriteStream extends OutputStream {
        /** Gives up: an atomic write leaves the old file as it was. */
        public abstract void abort();
    }

    /** A file, directory, link or other. Times in nanoseconds' resolution, {@code mode} is the permission bits. */
    record Entry(
            Type type,
            int mode,
            long size,
            int uid,
            int gid,
            Instant modifiedAt,
            String path,
            String owner,
            String group,
            Optional<String> linkTarget) {
        public enum Type {
            FILE,
            DIRECTORY,
            SYMLINK,
            OTHER
        }
    }

    /** @param path relative to the watched directory */
    record Change(Kind kind, String path) {
        public enum Kind {
            CREATE,
            WRITE,
            REMOVE,
            RENAME,
            CHMOD,
            /** Events were lost; look again. */
            OVERFLOW
        }
    }

    /** A file call that failed. */
    final class GuestFileException extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final int errno;

        /** @param errno Linux number, such as 2 for ENOENT */
        public GuestFileException(int errno, String message) {
            super(message);
            this.errno = errno;
        }

        public int errno() {
            return errno;
        }

        /** The errno's name when it is a common one. */
        public String code() {
            return Errno.name(errno);
        }
    }
}
