package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The files API over a {@link FileTree}. Each method refuses an ended machine first. */
final class TreeFiles implements GuestFiles {
    private final FileTree tree;
    private final String defaultUser;
    private final Runnable guard;

    TreeFiles(FileTree tree, String defaultUser, Runnable guard) {
        this.tree = tree;
        this.defaultUser = defaultUser;
        this.guard = guard;
    }

    @Override
    public Entry stat(String user, String path, boolean followLinks) {
        guard.run();
        synchronized (tree) {
            return entry(tree.find(tree.root(), absolute(user, path), uid(user), followLinks), absolute(user, path));
        }
    }

    @Override
    public List<Entry> list(String user, String path, int depth) {
        guard.run();
        synchronized (tree) {
            FileNode node = tree.find(tree.root(), absolute(user, path), uid(user), true);
            if (!node.isDirectory()) {
                throw FileTree.failure(Errno.ENOTDIR, path);
            }
            tree.require(uid(user), node, 4, path);
            List<Entry> entries = new ArrayList<>();
            collect(uid(user), node, "", depth, entries);
            return entries;
        }
    }

    @Override
    public void makeDirectory(String user, String path, int mode, boolean parents) {
        guard.run();
        makeDirectories(user, path, mode, parents);
    }

    @Override
    public void rename(String user, String from, String to, boolean noReplace) {
        guard.run();
        tree.rename(tree.root(), absolute(user, from), tree.root(), absolute(user, to), uid(user), noReplace);
    }

    @Override
    public void remove(String user, String path, boolean recursive) {
        guard.run();
        tree.remove(tree.root(), absolute(user, path), uid(user), null, recursive);
    }

    @Override
    public void chmod(String user, String path, int mode) {
        guard.run();
        synchronized (tree) {
            FileNode node = tree.find(tree.root(), absolute(user, path), uid(user), true);
            if (uid(user) != Users.ROOT && uid(user) != node.uid) {
                throw FileTree.failure(Errno.EPERM, path);
            }
            node.mode = mode & 07777;
            tree.changed(Change.Kind.CHMOD, node);
        }
    }

    @Override
    public void chown(String path, String owner) {
        guard.run();
        int colon = owner.indexOf(':');
        int uid = uid(colon < 0 ? owner : owner.substring(0, colon));
        synchronized (tree) {
            FileNode node = tree.find(tree.root(), absolute("root", path), Users.ROOT, true);
            node.uid = uid;
            tree.changed(Change.Kind.CHMOD, node);
        }
    }

    @Override
    public void symlink(String user, String target, String path) {
        guard.run();
        if (target.isEmpty() || target.length() > FileTree.MAX_PATH_BYTES) {
            throw FileTree.failure(target.isEmpty() ? Errno.ENOENT : Errno.ENAMETOOLONG, path);
        }
        tree.make(tree.root(), absolute(user, path), uid(user), Entry.Type.SYMLINK, 0777, target);
    }

    @Override
    public Content read(String user, String path, long offset, long length) {
        guard.run();
        synchronized (tree) {
            FileNode node = tree.find(tree.root(), absolute(user, path), uid(user), true);
            if (node.isDirectory()) {
                throw FileTree.failure(Errno.EISDIR, path);
            }
            tree.require(uid(user), node, 4, path);
            tree.open(node);
            node.accessedAt = Instant.now();
            return new Content(
                    entry(node, absolute(user, path)),
                    new TreeStreams.Reader(tree, node, offset, length < 0 ? Long.MAX_VALUE : length));
        }
    }

    @Override
    public WriteStream write(String user, String path, WriteOptions options) {
        guard.run();
        String whole = absolute(user, path);
        int uid = uid(user);
        synchronized (tree) {
            if (options.makeParents()) {
                makeDirectories(user, whole.substring(0, Math.max(1, whole.lastIndexOf('/'))), 0755, true);
            }
            FileNode there = resolved(whole, uid);
            if (there != null && options.exclusive()) {
                throw FileTree.failure(Errno.EEXIST, path);
            }
            if (there != null && there.isDirectory()) {
                throw FileTree.failure(Errno.EISDIR, path);
            }
            if (there != null) {
                tree.require(uid, there, 2, path);
            }
            if (options.atomic()) {
                return atomic(whole, uid, there, options);
            }
            FileNode node =
                    there != null ? there : tree.make(tree.root(), whole, uid, Entry.Type.FILE, options.mode(), "");
            if (!options.append()) {
                tree.resize(node, 0);
            }
            tree.open(node);
            return new TreeStreams.Writer(tree, node, options.append(), () -> {}, () -> {});
        }
    }

    @Override
    public AutoCloseable watch(String user, String path, boolean recursive, Consumer<Change> onEvent) {
        guard.run();
        FileNode directory = tree.find(tree.root(), absolute(user, path), uid(user), true);
        if (!directory.isDirectory()) {
            throw FileTree.failure(Errno.ENOTDIR, path);
        }
        TreeWatch watch = new TreeWatch(directory, recursive, onEvent);
        tree.add(watch);
        return () -> {
            tree.remove(watch);
            watch.close();
        };
    }

    private WriteStream atomic(String whole, int uid, @Nullable FileNode there, WriteOptions options) {
        String temporary = whole.substring(0, whole.lastIndexOf('/') + 1) + ".tinyvm-" + java.util.UUID.randomUUID();
        FileNode node = tree.make(
                tree.root(), temporary, uid, Entry.Type.FILE, there == null ? options.mode() : there.mode, "");
        tree.open(node);
        if (options.append() && there != null) {
            byte[] all = new byte[(int) Math.min(there.size(), Integer.MAX_VALUE - 8)];
            tree.read(there, 0, all, 0, all.length);
            tree.write(node, 0, false, all, 0, all.length);
        }
        return new TreeStreams.Writer(
                tree,
                node,
                true,
                () -> tree.rename(tree.root(), temporary, tree.root(), whole, uid, false),
                () -> tree.remove(tree.root(), temporary, uid, null, false));
    }

    private void makeDirectories(String user, String path, int mode, boolean parents) {
        String whole = absolute(user, path);
        int uid = uid(user);
        synchronized (tree) {
            if (parents) {
                for (int slash = whole.indexOf('/', 1); slash > 0; slash = whole.indexOf('/', slash + 1)) {
                    String part = whole.substring(0, slash);
                    if (resolved(part, uid) == null) {
                        tree.make(tree.root(), part, uid, Entry.Type.DIRECTORY, 0755, "");
                    }
                }
                FileNode there = resolved(whole, uid);
                if (there != null && there.isDirectory()) {
                    return;
                }
            }
            tree.make(tree.root(), whole, uid, Entry.Type.DIRECTORY, mode, "");
        }
    }

    /** What a path leads to through links; null when nothing is there. */
    private @Nullable FileNode resolved(String path, int uid) {
        FileNode node = tree.findOrNull(tree.root(), path, uid);
        return node == null || node.type != Entry.Type.SYMLINK ? node : tree.find(tree.root(), path, uid, true);
    }

    private void collect(int uid, FileNode node, String prefix, int depth, List<Entry> entries) {
        node.children.forEach((name, child) -> {
            entries.add(entry(child, prefix + name));
            boolean readable = uid == Users.ROOT || ((uid == child.uid ? child.mode >> 6 : child.mode) & 5) == 5;
            if (depth > 1 && child.isDirectory() && readable) {
                collect(uid, child, prefix + name + "/", depth - 1, entries);
            }
        });
    }

    private static Entry entry(FileNode node, String path) {
        String owner = Users.name(node.uid);
        Optional<String> target = node.type == Entry.Type.SYMLINK ? Optional.of(node.target) : Optional.empty();
        return new Entry(
                node.type, node.mode, node.size(), node.uid, node.uid, node.modifiedAt, path, owner, owner, target);
    }

    private int uid(String user) {
        Integer uid = Users.find(user.isEmpty() ? defaultUser : user);
        if (uid == null) {
            throw new GuestFileException(Errno.EINVAL, "there is no user " + user + " in this Tiny VM");
        }
        return uid;
    }

    private String absolute(String user, String path) {
        if (path.isEmpty()) {
            throw FileTree.failure(Errno.ENOENT, "(empty path)");
        }
        String whole = path.startsWith("/") ? path : Users.home(uid(user)) + "/" + path;
        while (whole.length() > 1 && whole.endsWith("/")) {
            whole = whole.substring(0, whole.length() - 1);
        }
        return whole;
    }
}
