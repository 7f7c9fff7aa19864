package dev.tinyvm.engine;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A file tree in memory: directories, files, symlinks, owners and modes, errno as the kernel gives them for the common mistakes. Its monitor
 * guards the tree.
 */
public final class FakeFiles implements GuestFiles {
    static final Map<String, Integer> USERS = Map.of("root", 0, "0", 0, "user", 1000, "1000", 1000, "nobody", 65534);
    private static final int MAX_LINKS = 40;

    private final String defaultUser;
    private final FakeNode root = new FakeNode(Entry.Type.DIRECTORY, 0755, 0);
    private final Set<FakeWatch> watches = ConcurrentHashMap.newKeySet();

    FakeFiles(String defaultUser) {
        this.defaultUser = defaultUser;
        for (String directory : List.of("/usr/bin", "/etc", "/home", "/root", "/tmp", "/var", "/dev", "/proc")) {
            makeDirectory("root", directory, directory.equals("/tmp") ? 01777 : 0755, true);
        }
        makeDirectory("root", "/home/user", 0755, true);
        chown("/home/user", "user");
        chmod("root", "/root", 0700);
        put("root", "/etc/hostname", "tiny\n".getBytes(StandardCharsets.UTF_8));
        put("root", "/etc/shadow", "root:*\n".getBytes(StandardCharsets.UTF_8));
        chmod("root", "/etc/shadow", 0600);
    }

    static String home(String user) {
        return switch (user) {
            case "root", "0" -> "/root";
            case "nobody" -> "/";
            default -> "/home/user";
        };
    }

    /** The same tree; {@code guard} runs before each call and may refuse it. */
    GuestFiles guardedBy(Runnable guard) {
        return (GuestFiles) java.lang.reflect.Proxy.newProxyInstance(
                FakeFiles.class.getClassLoader(), new Class<?>[] {GuestFiles.class}, (proxy, method, arguments) -> {
                    guard.run();
                    try {
                        return method.invoke(this, arguments);
                    } catch (java.lang.reflect.InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    /** Writes a file as {@code user}. */
    public synchronized void put(String user, String path, byte[] content) {
        store(user, path, content, WriteOptions.REPLACE);
    }

    /** A file's bytes as {@code user} reads them. */
    public synchronized byte[] content(String user, String path) {
        FakeNode node = find(user, path, true);
        if (node.type == Entry.Type.DIRECTORY) {
            throw failure(Errno.EISDIR, path);
        }
        require(user, node, 4, path);
        return node.content;
    }

    public synchronized boolean exists(String path) {
        try {
            find("root", path, true);
            return true;
        } catch (GuestFileException e) {
            return false;
        }
    }

    public synchronized boolean isDirectory(String path) {
        return exists(path) && find("root", path, true).type == Entry.Type.DIRECTORY;
    }

    @Override
    public synchronized Entry stat(String user, String path, boolean followLinks) {
        return find(user, path, followLinks).entry(absolute(user, path));
    }

    @Override
    public synchronized List<Entry> list(String user, String path, int depth) {
        FakeNode node = find(user, path, true);
        if (node.type != Entry.Type.DIRECTORY) {
            throw failure(Errno.ENOTDIR, path);
        }
        require(user, node, 4, path);
        List<Entry> entries = new ArrayList<>();
        collect(node, "", depth, entries);
        return entries;
    }

    @Override
    public synchronized void makeDirectory(String user, String path, int mode, boolean parents) {
        String whole = absolute(user, path);
        if (parents) {
            for (int slash = whole.indexOf('/', 1); slash > 0; slash = whole.indexOf('/', slash + 1)) {
                if (!exists(whole.substring(0, slash))) {
                    makeDirectory(user, whole.substring(0, slash), 0755, false);
                }
            }
        }
        if (exists(whole)) {
            if (parents && isDirectory(whole)) {
                return;
            }
            throw failure(Errno.EEXIST, path);
        }
        add(user, whole, new FakeNode(Entry.Type.DIRECTORY, mode, uid(user)));
    }

    @Override
    public synchronized void rename(String user, String from, String to, boolean noReplace) {
        FakeNode node = find(user, from, false);
        String target = absolute(user, to);
        FakeNode there = findOrNull(target);
        if (there != null && noReplace) {
            throw failure(Errno.EEXIST, to);
        }
        if (there != null && there.type == Entry.Type.DIRECTORY && node.type != Entry.Type.DIRECTORY) {
            throw failure(Errno.EISDIR, to);
        }
        if (there != null && !there.children.isEmpty()) {
            throw failure(Errno.ENOTEMPTY, to);
        }
        if ((target + "/").startsWith(absolute(user, from) + "/") && node.type == Entry.Type.DIRECTORY) {
            throw failure(Errno.EINVAL, to);
        }
        parent(user, target, true);
        parent(user, from, true).children.remove(name(absolute(user, from)));
        parent(user, target, true).children.put(name(target), node);
        changed(Change.Kind.RENAME, absolute(user, from));
        changed(Change.Kind.CREATE, target);
    }

    @Override
    public synchronized void remove(String user, String path, boolean recursive) {
        FakeNode node = find(user, path, false);
        if (!node.children.isEmpty() && !recursive) {
            throw failure(Errno.ENOTEMPTY, path);
        }
        parent(user, path, true).children.remove(name(absolute(user, path)));
        changed(Change.Kind.REMOVE, absolute(user, path));
    }

    @Override
    public synchronized void chmod(String user, String path, int mode) {
        FakeNode node = find(user, path, true);
        if (uid(user) != 0 && uid(user) != node.uid) {
            throw failure(Errno.EPERM, path);
        }
        node.mode = mode & 07777;
        changed(Change.Kind.CHMOD, absolute(user, path));
    }

    @Override
    public synchronized void chown(String path, String owner) {
        find("root", path, true).uid = uid(owner.split(":", 2)[0]);
        changed(Change.Kind.CHMOD, absolute("root", path));
    }

    @Override
    public synchronized List<Map<String, String>> attributes(String user, List<String> paths) {
        return paths.stream()
                .map(path -> absolute(user, path))
                .map(path -> exists(path) ? Map.copyOf(find("root", path, true).attributes) : Map.<String, String>of())
                .toList();
    }

    @Override
    public synchronized void setAttribute(String user, String path, String name, String value) {
        FakeNode node = attributed(user, path, name);
        if (value.length() > 4096) {
            throw failure(Errno.E2BIG, path);
        }
        node.attributes.put(name, value);
    }

    @Override
    public synchronized void removeAttribute(String user, String path, String name) {
        attributed(user, path, name).attributes.remove(name);
    }

    private FakeNode attributed(String user, String path, String name) {
        if (!name.startsWith("user.") || name.length() > 255) {
            throw failure(Errno.EINVAL, name);
        }
        FakeNode node = find(user, path, true);
        require(user, node, 2, path);
        return node;
    }

    @Override
    public synchronized void symlink(String user, String target, String path) {
        if (findOrNull(absolute(user, path)) != null) {
            throw failure(Errno.EEXIST, path);
        }
        FakeNode node = new FakeNode(Entry.Type.SYMLINK, 0777, uid(user));
        node.content = target.getBytes(StandardCharsets.UTF_8);
        add(user, absolute(user, path), node);
    }

    @Override
    public synchronized Content read(String user, String path, long offset, long length) {
        byte[] all = content(user, path);
        int from = (int) Math.min(offset, all.length);
        int to = length < 0 ? all.length : (int) Math.min(all.length, from + length);
        InputStream stream = new ByteArrayInputStream(all, from, to - from);
        return new Content(stat(user, path, true), stream);
    }

    @Override
    public synchronized WriteStream write(String user, String path, WriteOptions options) {
        if (!options.atomic()) {
            store(user, path, new byte[0], options);
        } else if (isDirectory(absolute(user, path))) {
            throw failure(Errno.EISDIR, path);
        } else if (!options.makeParents()) {
            parent(user, path, true);
        }
        WriteOptions again = new WriteOptions(options.mode(), options.makeParents(), options.append(), false, false);
        return new FakeWriteStream(whole -> store(user, path, whole, again));
    }

    @Override
    public AutoCloseable watch(String user, String path, boolean recursive, Consumer<Change> onEvent) {
        find(user, path, true);
        FakeWatch watch = new FakeWatch(absolute(user, path), recursive, onEvent);
        watches.add(watch);
        return () -> {
            watches.remove(watch);
            watch.close();
        };
    }

    void closeWatches() {
        watches.forEach(FakeWatch::close);
        watches.clear();
    }

    private synchronized void store(String user, String path, byte[] content, WriteOptions options) {
        String whole = absolute(user, path);
        if (options.makeParents()) {
            makeDirectory(user, whole.substring(0, Math.max(1, whole.lastIndexOf('/'))), 0755, true);
        }
        FakeNode node = findOrNull(whole);
        if (node != null && node.type == Entry.Type.SYMLINK) {
            node = find(user, whole, true);
        }
        if (node == null) {
            node = new FakeNode(Entry.Type.FILE, options.mode(), uid(user));
            add(user, whole, node);
        } else if (options.exclusive()) {
            throw failure(Errno.EEXIST, path);
        } else if (node.type == Entry.Type.DIRECTORY) {
            throw failure(Errno.EISDIR, path);
        } else {
            require(user, node, 2, path);
        }
        byte[] before = options.append() ? node.content : new byte[0];
        byte[] after = Arrays.copyOf(before, before.length + content.length);
        System.arraycopy(content, 0, after, before.length, content.length);
        node.content = after;
        node.modifiedAt = Instant.now();
        changed(Change.Kind.WRITE, whole);
    }

    private void add(String user, String path, FakeNode node) {
        parent(user, path, true).children.put(name(path), node);
        changed(Change.Kind.CREATE, path);
    }

    private FakeNode parent(String user, String path, boolean writable) {
        String whole = absolute(user, path);
        if (whole.equals("/")) {
            throw failure(Errno.EBUSY, path);
        }
        FakeNode parent = find(user, whole.substring(0, Math.max(1, whole.lastIndexOf('/'))), true);
        if (parent.type != Entry.Type.DIRECTORY) {
            throw failure(Errno.ENOTDIR, path);
        }
        if (writable) {
            require(user, parent, 2, path);
        }
        return parent;
    }

    private @Nullable FakeNode findOrNull(String path) {
        try {
            return find("root", path, false);
        } catch (GuestFileException e) {
            return null;
        }
    }

    private FakeNode find(String user, String path, boolean followLast) {
        Deque<FakeNode> way = new ArrayDeque<>(List.of(root));
        Deque<String> names =
                new ArrayDeque<>(Arrays.asList(absolute(user, path).substring(1).split("/")));
        int links = 0;
        while (!names.isEmpty()) {
            String name = names.pop();
            FakeNode here = way.getLast();
            if (name.isEmpty() || name.equals(".")) {
                continue;
            }
            if (here.type != Entry.Type.DIRECTORY) {
                throw failure(Errno.ENOTDIR, path);
            }
            require(user, here, 1, path);
            if (name.equals("..")) {
                if (way.size() > 1) {
                    way.removeLast();
                }
                continue;
            }
            FakeNode child = here.children.get(name);
            if (child == null) {
                throw failure(Errno.ENOENT, path);
            }
            if (child.type == Entry.Type.SYMLINK && (followLast || !names.isEmpty())) {
                if (++links > MAX_LINKS) {
                    throw failure(Errno.ELOOP, path);
                }
                String target = new String(child.content, StandardCharsets.UTF_8);
                if (target.startsWith("/")) {
                    way.clear();
                    way.add(root);
                }
                List<String> parts = Arrays.asList(target.split("/"));
                for (int i = parts.size() - 1; i >= 0; i--) {
                    names.push(parts.get(i));
                }
                continue;
            }
            way.addLast(child);
        }
        return way.getLast();
    }

    private void require(String user, FakeNode node, int right, String path) {
        int uid = uid(user);
        int bits = uid == node.uid ? node.mode >> 6 : node.mode;
        if (uid != 0 && (bits & right) != right) {
            throw failure(Errno.EACCES, path);
        }
    }

    private void collect(FakeNode node, String prefix, int depth, List<Entry> entries) {
        node.children.forEach((name, child) -> {
            entries.add(child.entry(prefix + name));
            if (depth > 1) {
                collect(child, prefix + name + "/", depth - 1, entries);
            }
        });
    }

    private void changed(Change.Kind kind, String path) {
        watches.forEach(w -> w.changed(kind, path));
    }

    private int uid(String user) {
        Integer uid = USERS.get(user.isEmpty() ? defaultUser : user);
        if (uid == null) {
            throw failure(Errno.EINVAL, "no user " + user);
        }
        return uid;
    }

    private String absolute(String user, String path) {
        String whole = path.startsWith("/") ? path : home(user.isEmpty() ? defaultUser : user) + "/" + path;
        return whole.length() > 1 && whole.endsWith("/") ? whole.substring(0, whole.length() - 1) : whole;
    }

    private static String name(String path) {
        return path.substring(path.lastIndexOf('/') + 1);
    }

    private static GuestFileException failure(int errno, String path) {
        return new GuestFileException(errno, path + ": " + Errno.name(errno));
    }
}
