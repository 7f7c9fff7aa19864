package dev.tinyvm.images;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Makes files below one directory from entries that somebody else wrote. Whatever the entries say, nothing outside of the directory is
 * touched: each parent is opened by the kernel with {@code RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS} (openat2(2)), and what is made in it is
 * made by its last name part alone, without following a link. Confined to one thread.
 *
 * <p>With layers, links in a parent's name are followed as if the image were the root ({@code RESOLVE_IN_ROOT}), because layers that were made apart say
 * {@code lib/x} where a lower layer has {@code lib -> usr/lib}; container runtimes do the same. What a layer replaces or whites out is what
 * the layers below it brought, never its own.
 */
final class RootfsWriter implements TarSink, AutoCloseable {
    private static final int COPY_BYTES = 1 << 17;
    private final ImageDirectories tree;
    private final ImportLimits limits;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment buffer = arena.allocate(COPY_BYTES);
    private final byte[] chunk = new byte[COPY_BYTES];
    /** Set at the end, since a read-only directory could not be filled and filling changes its time. */
    private final NavigableMap<String, FileMeta> directories = new TreeMap<>();
    /** Names that the current layer brought and all that they stand in; empty in the first layer, below which there is nothing. */
    private final Set<String> ofThisLayer = new HashSet<>();

    /** Set when one layer is unpacked for itself, and its marks are for overlayfs. */
    private @Nullable LayerMarks marks;

    private int layers;

    private long entries;
    private long bytes;
    private long removedBytes;

    /**
     * @param root an open, empty directory that nobody else may enter; stays open
     */
    RootfsWriter(int root, ImportLimits limits) {
        this.tree = new ImageDirectories(root);
        this.limits = limits;
    }

    /** Bytes of all files that are there. */
    long bytes() {
        return bytes - removedBytes;
    }

    /** Names, as overlayfs needs them, of what the layer hides; the layer stands alone in its directory. */
    void keepMarks(LayerMarks kept) {
        marks = kept;
    }

    /** Files, directories and links so far. */
    long entries() {
        return entries;
    }

    /** Directories that entries made. */
    NavigableSet<String> directories() {
        return new TreeSet<>(directories.keySet());
    }

    /** Whether something stands in a directory that no entry made: what that is only the layers below know. */
    boolean impliesParents() {
        return tree.implied().stream().anyMatch(name -> !name.isEmpty() && !directories.containsKey(name));
    }

    /** What comes now stands above what came before. Without any call there are no layers. */
    void beginLayer() {
        layers++;
        tree.followLinks();
        ofThisLayer.clear();
    }

    @Override
    public void directory(String name, FileMeta meta) throws Posix.Failure {
        count(name);
        remember(name);
        if (!name.isEmpty()) {
            int parent = tree.parent(name);
            if (!isDirectory(parent, name)) {
                Posix.mkdirat(parent, EntryName.last(name), 0700);
            }
        }
        directories.put(name, meta);
    }

    @Override
    public void file(String name, FileMeta meta, long size, InputStream content) throws Posix.Failure, IOException {
        count(name);
        bytes += size;
        if (bytes > limits.maxBytes() || bytes < 0) {
            throw new ImageException(
                    ImageException.Code.TOO_LARGE,
                    "the image is refused: its files take over " + limits.maxBytes()
                            + " bytes, the most that is allowed");
        }
        int parent = tree.parent(name);
        makeWay(parent, name);
        remember(name);
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

    @Override
    public void symlink(String name, String target, FileMeta meta) throws Posix.Failure {
        count(name);
        if (target.isEmpty() || target.indexOf('\0') >= 0 || target.length() > 4_095) {
            throw EntryName.refused(
                    name, "is a symbolic link whose target is empty, holds a NUL byte, or has over 4,095 bytes");
        }
        int parent = tree.parent(name);
        makeWay(parent, name);
        remember(name);
        Posix.symlinkat(target, parent, EntryName.last(name));
        Posix.chown(parent, EntryName.last(name), id(name, meta.uid()), id(name, meta.gid()));
        Posix.touch(parent, EntryName.last(name), meta.modifiedSeconds(), meta.modifiedNanos());
    }

    @Override
    public void hardLink(String name, String target) throws Posix.Failure {
        count(name);
        if (name.equals(target)) {
            throw EntryName.refused(name, "is a hard link to itself");
        }
        int targetParent;
        try {
            targetParent = tree.open(EntryName.parent(target));
        } catch (Posix.Failure e) {
            throw badLink(name, target);
        }
        try {
            FileStat stat;
            try {
                stat = Posix.stat(targetParent, EntryName.last(target));
            } catch (Posix.Failure e) {
                throw badLink(name, target);
            }
            if (!stat.isFile() && !stat.isLink()) {
                throw badLink(name, target);
            }
            int parent = tree.parent(name);
            FileStat there = existing(parent, name);
            if (layers > 0 && there != null && there.inode() == stat.inode()) {
                // The same file by way of a link, such as bin/x and usr/bin/x.
                remember(name);
                return;
            }
            makeWay(parent, name);
            remember(name);
            Posix.linkat(targetParent, EntryName.last(target), parent, EntryName.last(name));
        } finally {
            Posix.close(targetParent);
        }
    }

    /** Takes away what the layers below brought under a name. */
    void whiteout(String name) throws Posix.Failure {
        count(name);
        if (marks != null) {
            marks.whiteout(name);
            return;
        }
        int parent = tree.openExisting(EntryName.parent(name));
        if (parent >= 0) {
            try {
                removeLower(parent, name);
            } finally {
                Posix.close(parent);
            }
        }
    }

    /** Takes away all that the layers below brought into a directory. */
    void opaque(String directory) throws Posix.Failure {
        count(directory);
        if (marks != null) {
            marks.opaque(directory);
            return;
        }
        removeLowerChildren(directory);
    }

    /** Sets the directories' owners, modes and times. Nothing may be added after. */
    void finish() throws Posix.Failure {
        if (marks != null) {
            marks.apply(tree);
        }
        NavigableSet<String> all = new TreeSet<>(tree.implied());
        all.addAll(directories.keySet());
        for (String name : all.descendingSet()) {
            FileMeta meta = directories.get(name);
            int directory = layers == 0 ? tree.open(name) : tree.openExisting(name);
            if (directory < 0) {
                // A later layer removed it by another of its names.
                continue;
            }
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
            tree.close();
        } finally {
            arena.close();
        }
    }

    @Override
    public void count(String name) {
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

    /** Removes what stands at the name already, as a later entry replaces an earlier one; a directory of the same layer is never replaced. */
    private void makeWay(int parent, String name) throws Posix.Failure {
        if (name.isEmpty()) {
            throw EntryName.refused("./", "is the image's root and must be a directory");
        }
        FileStat stat = existing(parent, name);
        if (stat == null) {
            return;
        }
        if (!stat.isDirectory()) {
            unlink(parent, name, stat);
            return;
        }
        if (layers < 2 || ofThisLayer.contains(name)) {
            throw EntryName.refused(name, "stands in the archive twice, once as a directory");
        }
        removedBytes += DeleteTree.delete(parent, EntryName.last(name));
        forget(name);
    }

    private void unlink(int parent, String name, FileStat stat) throws Posix.Failure {
        Posix.unlinkat(parent, EntryName.last(name), 0);
        removedBytes += stat.isFile() && stat.links() == 1 ? stat.size() : 0;
    }

    /** What stands under the last part of a name; null: nothing. */
    static @Nullable FileStat existing(int parent, String name) throws Posix.Failure {
        try {
            return Posix.stat(parent, EntryName.last(name));
        } catch (Posix.Failure e) {
            if (e.errno() == Posix.ENOENT) {
                return null;
            }
            throw e;
        }
    }

    private void removeLower(int parent, String name) throws Posix.Failure {
        FileStat stat = existing(parent, name);
        if (stat == null) {
            return;
        }
        if (ofThisLayer.contains(name)) {
            if (stat.isDirectory()) {
                removeLowerChildren(name);
            }
            return;
        }
        removedBytes += DeleteTree.delete(parent, EntryName.last(name));
        forget(name);
        tree.closeParent();
    }

    private void removeLowerChildren(String directory) throws Posix.Failure {
        int opened = tree.openExisting(directory);
        if (opened < 0) {
            return;
        }
        try {
            for (String child : Posix.names(opened)) {
                removeLower(opened, directory.isEmpty() ? child : directory + "/" + child);
            }
        } finally {
            Posix.close(opened);
        }
    }

    /** What was to be set on directories that are gone. */
    private void forget(String name) {
        directories.remove(name);
        tree.implied().remove(name);
        // '0' follows '/': all names below.
        directories.subMap(name + "/", name + "0").clear();
        tree.implied().subSet(name + "/", name + "0").clear();
    }

    private void remember(String name) {
        if (layers >= 2) {
            for (String at = name; ofThisLayer.add(at) && !at.isEmpty(); at = EntryName.parent(at)) {}
        }
    }

    /** Whether a directory stands there; anything else that does is removed. */
    private boolean isDirectory(int parent, String name) throws Posix.Failure {
        FileStat stat = existing(parent, name);
        if (stat != null && !stat.isDirectory()) {
            unlink(parent, name, stat);
        }
        return stat != null && stat.isDirectory();
    }

    private static ImageException badLink(String name, String target) {
        return EntryName.refused(
                name,
                "is a hard link to " + EntryName.shown(target)
                        + ", which is not a file that the archive brought before");
    }
}
