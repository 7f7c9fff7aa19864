package dev.tinyvm.images;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Makes files below one directory from entries that somebody else wrote. Whatever the entries say, nothing outside of the directory is
 * touched: each parent is opened by the kernel with {@code RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS} (openat2(2)), and what is made in it is
 * made by its last name part alone, without following a link. Confined to one thread.
 */
final class RootfsWriter implements AutoCloseable {
    private static final int COPY_BYTES = 1 << 17;
    private final int root;
    private final ImportLimits limits;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment buffer = arena.allocate(COPY_BYTES);
    private final byte[] chunk = new byte[COPY_BYTES];
    /** Set at the end, since a read-only directory could not be filled and filling changes its time. */
    private final Map<String, FileMeta> directories = new LinkedHashMap<>();
    /** Made because something stands in them; they belong to whoever imports, which is root. */
    private final Set<String> implied = new HashSet<>(Set.of(""));

    private String openParentName = "";
    private int openParent = -1;
    private long entries;
    private long bytes;

    /**
     * @param root an open, empty directory that nobody else may enter; stays open
     */
    RootfsWriter(int root, ImportLimits limits) {
        this.root = root;
        this.limits = limits;
    }

    /** Bytes of all files so far. */
    long bytes() {
        return bytes;
    }

    void directory(String name, FileMeta meta) throws Posix.Failure {
        count(name);
        if (!name.isEmpty()) {
            int parent = parent(name);
            if (!isDirectory(parent, name)) {
                Posix.mkdirat(parent, EntryName.last(name), 0700);
            }
        }
        directories.put(name, meta);
    }

    void file(String name, FileMeta meta, long size, InputStream content) throws Posix.Failure, IOException {
        count(name);
        bytes += size;
        if (bytes > limits.maxBytes() || bytes < 0) {
            throw new ImageException(
                    ImageException.Code.TOO_LARGE,
                    "the image is refused: its files take over " + limits.maxBytes()
                            + " bytes, the most that is allowed");
        }
        int parent = parent(name);
        makeWay(parent, name);
        int file = Posix.openat(
                parent, EntryName.last(name), Posix.O_WRONLY | Posix.O_CREAT | Posix.O_EXCL | Posix.O_NOFOLLOW, 0600);
        try {
            long left = size;
            while (left > 0) {
                int read = content.readNBytes(chunk, 0, (int) Math.min(left, COPY_BYTES));
                if (read == 0) {
                    throw EntryName.refused(
                            name,
                            "says that it has " + size + " bytes, but only " + (size - left)
                                    + " follow; is the archive cut off?");
                }
                MemorySegment.copy(chunk, 0, buffer, ValueLayout.JAVA_BYTE, 0, read);
                Posix.writeAll(file, buffer.asSlice(0, read));
                left -= read;
            }
            apply(file, name, meta);
        } finally {
            Posix.close(file);
        }
        Posix.touch(parent, EntryName.last(name), meta.modifiedSeconds(), meta.modifiedNanos());
    }

    void symlink(String name, String target, FileMeta meta) throws Posix.Failure {
        count(name);
        if (target.isEmpty() || target.indexOf('\0') >= 0 || target.length() > 4_095) {
            throw EntryName.refused(
                    name, "is a symbolic link whose target is empty, holds a NUL byte, or has over 4,095 bytes");
        }
        int parent = parent(name);
        makeWay(parent, name);
        Posix.symlinkat(target, parent, EntryName.last(name));
        Posix.chown(parent, EntryName.last(name), id(name, meta.uid()), id(name, meta.gid()));
        Posix.touch(parent, EntryName.last(name), meta.modifiedSeconds(), meta.modifiedNanos());
    }

    /**
     * @param target a name in the image that was made before
     */
    void hardLink(String name, String target) throws Posix.Failure {
        count(name);
        if (name.equals(target)) {
            throw EntryName.refused(name, "is a hard link to itself");
        }
        int targetParent;
        try {
            targetParent = open(EntryName.parent(target));
        } catch (Posix.Failure e) {
            throw badLink(name, target);
        }
        try {
            Posix.Stat stat;
            try {
                stat = Posix.stat(targetParent, EntryName.last(target));
            } catch (Posix.Failure e) {
                throw badLink(name, target);
            }
            if (!stat.isFile() && !stat.isLink()) {
                throw badLink(name, target);
            }
            int parent = parent(name);
            makeWay(parent, name);
            Posix.linkat(targetParent, EntryName.last(target), parent, EntryName.last(name));
        } finally {
            Posix.close(targetParent);
        }
    }

    /** Sets the directories' owners, modes and times. Nothing may be added after. */
    void finish() throws Posix.Failure {
        implied.removeAll(directories.keySet());
        Set<String> all = new HashSet<>(implied);
        all.addAll(directories.keySet());
        List<String> deepestFirst = new ArrayList<>(all);
        deepestFirst.sort(Comparator.reverseOrder());
        for (String name : deepestFirst) {
            FileMeta meta = directories.get(name);
            int directory = open(name);
            try {
                if (meta == null) {
                    Posix.fchmod(directory, 0755);
                    Posix.touch(directory, ".", 0, 0);
                } else {
                    apply(directory, name, meta);
                    Posix.touch(directory, ".", meta.modifiedSeconds(), meta.modifiedNanos());
                }
            } finally {
                Posix.close(directory);
            }
        }
    }

    @Override
    public void close() {
        try {
            if (openParent >= 0) {
                Posix.close(openParent);
            }
        } catch (Posix.Failure e) {
            throw new ImageException(
                    ImageException.Code.IO, "a directory of the image could not be closed: " + e.getMessage(), e);
        } finally {
            openParent = -1;
            arena.close();
        }
    }

    /** Counts what an archive holds but an image does not get. */
    void count(String name) {
        if (++entries > limits.maxEntries()) {
            throw new ImageException(
                    ImageException.Code.TOO_LARGE,
                    "the image is refused: it has over " + limits.maxEntries() + " files, the most that is allowed (at "
                            + EntryName.shown(name) + ")");
        }
    }

    private void apply(int file, String name, FileMeta meta) throws Posix.Failure {
        // In this order: chown clears setuid bits and security.capability.
        Posix.chown(file, "", id(name, meta.uid()), id(name, meta.gid()));
        Posix.fchmod(file, meta.mode() & 07777);
        if (meta.xattrs().size() > ImportLimits.MAX_XATTRS) {
            throw EntryName.refused(name, "has over " + ImportLimits.MAX_XATTRS + " extended attributes");
        }
        for (Map.Entry<String, byte[]> xattr : meta.xattrs().entrySet()) {
            Posix.fsetxattr(file, xattr.getKey(), xattr.getValue());
        }
    }

    private static long id(String name, long id) {
        if (id < 0 || id > ImportLimits.MAX_ID) {
            throw EntryName.refused(
                    name,
                    "belongs to the user or group " + id + "; a Tiny VM has the ids 0 to " + ImportLimits.MAX_ID
                            + ", change the owner");
        }
        return id;
    }

    /** Removes what stands at the name already, as a later entry replaces an earlier one; a directory is never replaced. */
    private void makeWay(int parent, String name) throws Posix.Failure {
        if (name.isEmpty()) {
            throw EntryName.refused("./", "is the image's root and must be a directory");
        }
        try {
            if (Posix.stat(parent, EntryName.last(name)).isDirectory()) {
                throw EntryName.refused(name, "stands in the archive twice, once as a directory");
            }
        } catch (Posix.Failure e) {
            if (e.errno() == Posix.ENOENT) {
                return;
            }
            throw e;
        }
        Posix.unlinkat(parent, EntryName.last(name), 0);
    }

    /** Whether a directory stands there; anything else that does is removed. */
    private boolean isDirectory(int parent, String name) throws Posix.Failure {
        try {
            if (Posix.stat(parent, EntryName.last(name)).isDirectory()) {
                return true;
            }
        } catch (Posix.Failure e) {
            if (e.errno() == Posix.ENOENT) {
                return false;
            }
            throw e;
        }
        Posix.unlinkat(parent, EntryName.last(name), 0);
        return false;
    }

    /** The open directory that a name stands in, made when no entry made it; owned by this object. */
    private int parent(String name) throws Posix.Failure {
        String wanted = EntryName.parent(name);
        if (openParent >= 0 && wanted.equals(openParentName)) {
            return openParent;
        }
        int opened;
        try {
            opened = open(wanted);
        } catch (Posix.Failure e) {
            if (e.errno() != Posix.ENOENT) {
                throw throughLink(name, e);
            }
            makeParents(name, wanted);
            opened = open(wanted);
        }
        if (openParent >= 0) {
            Posix.close(openParent);
        }
        openParent = opened;
        openParentName = wanted;
        return opened;
    }

    private void makeParents(String name, String directory) throws Posix.Failure {
        for (int slash = directory.indexOf('/'); ; slash = directory.indexOf('/', slash + 1)) {
            String prefix = slash < 0 ? directory : directory.substring(0, slash);
            try {
                int above = open(EntryName.parent(prefix));
                try {
                    Posix.mkdirat(above, EntryName.last(prefix), 0700);
                    implied.add(prefix);
                } finally {
                    Posix.close(above);
                }
            } catch (Posix.Failure e) {
                if (e.errno() != Posix.EEXIST) {
                    throw throughLink(name, e);
                }
            }
            if (slash < 0) {
                return;
            }
        }
    }

    private int open(String directory) throws Posix.Failure {
        return Posix.openBeneath(root, directory.isEmpty() ? "." : directory, Posix.O_RDONLY | Posix.O_DIRECTORY);
    }

    private static Posix.Failure throughLink(String name, Posix.Failure failure) {
        return switch (failure.errno()) {
            case Posix.ELOOP, Posix.ENOTDIR, Posix.EXDEV ->
                throw EntryName.refused(name, "stands below something that is a link or a file, not a directory");
            default -> failure;
        };
    }

    private static ImageException badLink(String name, String target) {
        return EntryName.refused(
                name,
                "is a hard link to " + EntryName.shown(target)
                        + ", which is not a file that the archive brought before");
    }
}
