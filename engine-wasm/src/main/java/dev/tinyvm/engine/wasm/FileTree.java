package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.Change;
import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The file tree of one Tiny VM: names in memory, bytes on a {@link BlockDisk}, bounded by one quota. The monitor guards everything; watches are
 * told under it and must not block.
 *
 * <p>A path starts at a directory, the floor. Neither {@code ..} nor a link leads above it: from the root, {@code ..} stays at the root as on
 * Linux; from a directory that a module has opened it is refused, since the descriptor gives a right to what is below and to nothing else.
 */
final class FileTree implements AutoCloseable {
    static final int MAX_NODES = 16_384;
    static final int MAX_NAME_BYTES = 255;
    static final int MAX_PATH_BYTES = 4096;
    /** Descriptors let a module go deeper than any path; what walks a tree recursively must not overflow its stack. */
    static final int MAX_DEPTH = 256;

    private static final int MAX_LINKS = 40;
    private static final int NODE_HEAP_BYTES = 1024;

    private final HeapBudget heap;
    private final BlockDisk disk;
    private final FileNode root;
    private final Set<TreeWatch> watches = ConcurrentHashMap.newKeySet();
    private long nextNumber = 1;
    private int nodes;
    private boolean closed;

    FileTree(Path diskFile, long diskBytes, HeapBudget heap, String hostname) {
        this.heap = heap;
        this.disk = new BlockDisk(diskFile, diskBytes);
        this.root = new FileNode(nextNumber++, Entry.Type.DIRECTORY, 0755, Users.ROOT);
        for (String directory : List.of("etc", "home", "home/user", "root", "tmp", "app")) {
            make(root, "/" + directory, Users.ROOT, Entry.Type.DIRECTORY, 0755, "");
        }
        find(root, "/home/user", Users.ROOT, true).uid = 1000;
        find(root, "/root", Users.ROOT, true).mode = 0700;
        find(root, "/tmp", Users.ROOT, true).mode = 01777;
        FileNode name = make(root, "/etc/hostname", Users.ROOT, Entry.Type.FILE, 0644, "");
        byte[] text = (hostname + "\n").getBytes(StandardCharsets.UTF_8);
        name.write(disk, 0, text, 0, text.length);
    }

    FileNode root() {
        return root;
    }

    BlockDisk disk() {
        return disk;
    }

    synchronized FileNode find(FileNode floor, String path, int uid, boolean followLast) {
        return walk(floor, path, uid, followLast, false).node();
    }

    /** What has that name, without following a last link; null when nothing has. The directory that holds it must exist. */
    synchronized @Nullable FileNode findOrNull(FileNode floor, String path, int uid) {
        Place place = walk(floor, path, uid, false, true);
        return place.found;
    }

    /** Makes a file, directory or link. @throws GuestFileException {@code EEXIST} among others */
    synchronized FileNode make(FileNode floor, String path, int uid, Entry.Type type, int mode, String target) {
        Place place = walk(floor, path, uid, false, true);
        if (place.found != null) {
            throw failure(Errno.EEXIST, path);
        }
        require(uid, place.parent(), 2, path);
        if (place.parent().links == 0) {
            throw failure(Errno.ENOENT, path);
        }
        if (place.parent().depth() >= MAX_DEPTH) {
            throw failure(Errno.ENAMETOOLONG, path);
        }
        charge(path);
        FileNode node = new FileNode(nextNumber++, type, mode & 07777, uid);
        node.target = target;
        node.parent = node.isDirectory() ? place.parent() : null;
        place.parent().children.put(place.name, node);
        touch(place.parent());
        changed(Change.Kind.CREATE, place.parent(), place.name);
        return node;
    }

    /** A second name for a file. */
    synchronized void link(FileNode fromFloor, String from, FileNode toFloor, String to, int uid) {
        FileNode node = find(fromFloor, from, uid, false);
        if (node.isDirectory()) {
            throw failure(Errno.EPERM, from);
        }
        Place place = walk(toFloor, to, uid, false, true);
        if (place.found != null) {
            throw failure(Errno.EEXIST, to);
        }
        require(uid, place.parent(), 2, to);
        charge(to);
        place.parent().children.put(place.name, node);
        node.links++;
        changed(Change.Kind.CREATE, place.parent(), place.name);
    }

    synchronized void rename(FileNode fromFloor, String from, FileNode toFloor, String to, int uid, boolean noReplace) {
        Place source = walk(fromFloor, from, uid, false, false);
        Place target = walk(toFloor, to, uid, false, true);
        FileNode node = source.node();
        FileNode there = target.found;
        if (source.name.isEmpty() || target.name.isEmpty()) {
            throw failure(Errno.EBUSY, from);
        }
        require(uid, source.parent(), 2, from);
        require(uid, target.parent(), 2, to);
        sticky(uid, source.parent(), node, from);
        if (there != null) {
            if (noReplace) {
                throw failure(Errno.EEXIST, to);
            }
            if (there == node) {
                return;
            }
            if (there.isDirectory() != node.isDirectory()) {
                throw failure(there.isDirectory() ? Errno.EISDIR : Errno.ENOTDIR, to);
            }
            if (!there.children.isEmpty()) {
                throw failure(Errno.ENOTEMPTY, to);
            }
            sticky(uid, target.parent(), there, to);
        }
        if (node.isDirectory()) {
            if (target.parent().isWithin(node)) {
                throw failure(Errno.EINVAL, to);
            }
            if (target.parent().depth() + 1 + node.height() > MAX_DEPTH) {
                throw failure(Errno.ENAMETOOLONG, to);
            }
            node.parent = target.parent();
        }
        source.parent().children.remove(source.name);
        if (there != null) {
            drop(there);
        }
        target.parent().children.put(target.name, node);
        touch(source.parent());
        touch(target.parent());
        changed(Change.Kind.RENAME, source.parent(), source.name);
        changed(Change.Kind.CREATE, target.parent(), target.name);
    }

    /** @param what the type that is expected, null for any @param recursive with all that is in it */
    synchronized void remove(FileNode floor, String path, int uid, Entry.@Nullable Type what, boolean recursive) {
        Place place = walk(floor, path, uid, false, false);
        FileNode node = place.node();
        if (node == root || place.name.isEmpty()) {
            throw failure(Errno.EBUSY, path);
        }
        if (what == Entry.Type.DIRECTORY && !node.isDirectory()) {
            throw failure(Errno.ENOTDIR, path);
        }
        if (what == Entry.Type.FILE && node.isDirectory()) {
            throw failure(Errno.EISDIR, path);
        }
        if (!node.children.isEmpty() && !recursive) {
            throw failure(Errno.ENOTEMPTY, path);
        }
        require(uid, place.parent(), 2, path);
        sticky(uid, place.parent(), node, path);
        if (recursive) {
            empty(node, uid, path);
        }
        place.parent().children.remove(place.name);
        drop(node);
        touch(place.parent());
        changed(Change.Kind.REMOVE, place.parent(), place.name);
    }

    synchronized void open(FileNode node) {
        node.opened++;
    }

    synchronized void close(FileNode node) {
        node.opened--;
        free(node);
    }

    synchronized int read(FileNode node, long from, byte[] into, int offset, int length) {
        return node.read(disk, from, into, offset, length);
    }

    /** @param append at the end, wherever that is @return bytes written, from {@code from} on */
    synchronized int write(FileNode node, long from, boolean append, byte[] bytes, int offset, int length) {
        requireOpen();
        int done = node.write(disk, append ? node.size() : from, bytes, offset, length);
        touch(node);
        changed(Change.Kind.WRITE, node);
        return done;
    }

    synchronized void resize(FileNode node, long size) {
        requireOpen();
        node.resize(disk, size);
        touch(node);
        changed(Change.Kind.WRITE, node);
    }

    /** @param right 4 to read, 2 to write, 1 to enter */
    void require(int uid, FileNode node, int right, String path) {
        int bits = uid == node.uid ? node.mode >> 6 : node.mode;
        if (uid != Users.ROOT && (bits & right) != right) {
            throw failure(Errno.EACCES, path);
        }
    }

    void changed(Change.Kind kind, FileNode parent, String name) {
        watches.forEach(w -> w.changed(kind, parent, name));
    }

    void changed(Change.Kind kind, FileNode node) {
        watches.forEach(w -> w.changed(kind, node));
    }

    void add(TreeWatch watch) {
        watches.add(watch);
    }

    void remove(TreeWatch watch) {
        watches.remove(watch);
    }

    static GuestFileException failure(int errno, String path) {
        return new GuestFileException(errno, path + ": " + Errno.name(errno));
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            watches.forEach(TreeWatch::close);
            watches.clear();
            disk.close();
            heap.giveBack((long) nodes * NODE_HEAP_BYTES);
            nodes = 0;
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new GuestFileException(Errno.EIO, "the machine has ended");
        }
    }

    private void charge(String path) {
        requireOpen();
        if (nodes >= MAX_NODES || !heap.take(NODE_HEAP_BYTES)) {
            throw failure(Errno.ENOSPC, path);
        }
        if (!disk.addNode()) {
            heap.giveBack(NODE_HEAP_BYTES);
            throw failure(Errno.ENOSPC, path);
        }
        nodes++;
    }

    private void empty(FileNode directory, int uid, String path) {
        if (!directory.children.isEmpty()) {
            require(uid, directory, 3, path);
        }
        for (FileNode child : directory.children.values()) {
            empty(child, uid, path);
            drop(child);
        }
        directory.children.clear();
    }

    /** One name less. Each name was charged as a node. */
    private void drop(FileNode node) {
        node.links--;
        if (!closed) {
            nodes--;
            disk.removeNode();
            heap.giveBack(NODE_HEAP_BYTES);
        }
        free(node);
    }

    private void free(FileNode node) {
        if (node.links == 0 && node.opened == 0 && !closed) {
            node.clear(disk);
        }
    }

    private static void touch(FileNode node) {
        node.modifiedAt = java.time.Instant.now();
    }

    private void sticky(int uid, FileNode directory, FileNode node, String path) {
        if ((directory.mode & 01000) != 0 && uid != Users.ROOT && uid != node.uid && uid != directory.uid) {
            throw failure(Errno.EPERM, path);
        }
    }

    private Place walk(FileNode floor, String path, int uid, boolean followLast, boolean maybeMissing) {
        if (path.isEmpty()) {
            throw failure(Errno.ENOENT, "(empty path)");
        }
        if (path.length() > MAX_PATH_BYTES || path.indexOf('\0') >= 0) {
            throw failure(path.indexOf('\0') >= 0 ? Errno.EINVAL : Errno.ENAMETOOLONG, "path");
        }
        if (path.startsWith("/") && floor != root) {
            throw failure(Errno.EPERM, path);
        }
        Deque<FileNode> way = new ArrayDeque<>(List.of(floor));
        Deque<String> names = new ArrayDeque<>(Arrays.asList(path.split("/", -1)));
        int links = 0;
        String last = "";
        while (!names.isEmpty()) {
            String name = names.pop();
            FileNode here = way.getLast();
            if (!here.isDirectory()) {
                throw failure(Errno.ENOTDIR, path);
            }
            if (name.isEmpty() || name.equals(".")) {
                continue;
            }
            require(uid, here, 1, path);
            if (name.equals("..")) {
                last = "";
                if (way.size() > 1) {
                    way.removeLast();
                } else if (floor != root) {
                    throw failure(Errno.EPERM, path);
                }
                continue;
            }
            if (name.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
                throw failure(Errno.ENAMETOOLONG, "a name in the path");
            }
            FileNode child = here.children.get(name);
            boolean isLast = names.stream().allMatch(String::isEmpty);
            if (child == null) {
                if (maybeMissing && isLast) {
                    return new Place(way, name, null);
                }
                throw failure(Errno.ENOENT, path);
            }
            if (child.type == Entry.Type.SYMLINK && (followLast || !isLast)) {
                if (++links > MAX_LINKS) {
                    throw failure(Errno.ELOOP, path);
                }
                if (child.target.startsWith("/")) {
                    if (floor != root) {
                        throw failure(Errno.EPERM, path);
                    }
                    way.clear();
                    way.add(root);
                }
                List<String> parts = Arrays.asList(child.target.split("/"));
                for (int i = parts.size() - 1; i >= 0; i--) {
                    names.push(parts.get(i));
                }
                continue;
            }
            last = name;
            way.addLast(child);
        }
        FileNode found = way.removeLast();
        if (way.isEmpty()) {
            way.add(found);
        }
        return new Place(way, last, found);
    }

    /** Where a path leads. @param way directories from the floor to the one that holds it @param found null when nothing has that name */
    private record Place(
            Deque<FileNode> way, String name, @Nullable FileNode found) {
        FileNode parent() {
            return way.getLast();
        }

        FileNode node() {
            FileNode node = found;
            if (node == null) {
                throw new IllegalStateException("nothing was found");
            }
            return node;
        }
    }
}
