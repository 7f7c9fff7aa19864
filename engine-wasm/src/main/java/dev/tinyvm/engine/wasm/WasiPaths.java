package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.engine.wasm.DescriptorTable.Descriptor;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** WASI preview 1: calls on paths, each below a directory that the module has open. */
final class WasiPaths {
    private static final int CREATE = 1;
    private static final int DIRECTORY = 2;
    private static final int EXCLUSIVE = 4;
    private static final int TRUNCATE = 8;
    private static final int FOLLOW = 1;
    private static final long RIGHT_READ = 1L << 1 | 1L << 14;
    private static final long RIGHT_WRITE = 1L << 6;

    private WasiPaths() {}

    static void register() {
        add("path_open", "iiiiiIIii", WasiPaths::open);
        add("path_create_directory", "iii", (g, a) -> {
            g.tree().make(directory(g, a[0]), path(g, a[1], a[2]), g.uid(), Entry.Type.DIRECTORY, 0755, "");
            return WasiErrno.SUCCESS;
        });
        add("path_remove_directory", "iii", (g, a) -> {
            g.tree().remove(directory(g, a[0]), path(g, a[1], a[2]), g.uid(), Entry.Type.DIRECTORY, false);
            return WasiErrno.SUCCESS;
        });
        add("path_unlink_file", "iii", (g, a) -> {
            g.tree().remove(directory(g, a[0]), path(g, a[1], a[2]), g.uid(), Entry.Type.FILE, false);
            return WasiErrno.SUCCESS;
        });
        add("path_rename", "iiiiii", (g, a) -> {
            g.tree()
                    .rename(
                            directory(g, a[0]),
                            path(g, a[1], a[2]),
                            directory(g, a[3]),
                            path(g, a[4], a[5]),
                            g.uid(),
                            false);
            return WasiErrno.SUCCESS;
        });
        add("path_link", "iiiiiii", (g, a) -> {
            g.tree().link(directory(g, a[0]), path(g, a[2], a[3]), directory(g, a[4]), path(g, a[5], a[6]), g.uid());
            return WasiErrno.SUCCESS;
        });
        add("path_symlink", "iiiii", (g, a) -> {
            String target = path(g, a[0], a[1]);
            if (target.isEmpty()) {
                return WasiErrno.INVAL;
            }
            g.tree().make(directory(g, a[2]), path(g, a[3], a[4]), g.uid(), Entry.Type.SYMLINK, 0777, target);
            return WasiErrno.SUCCESS;
        });
        add("path_readlink", "iiiiii", WasiPaths::readLink);
        add("path_filestat_get", "iiiii", (g, a) -> {
            synchronized (g.tree()) {
                FileNode node = g.tree().find(directory(g, a[0]), path(g, a[2], a[3]), g.uid(), (a[1] & FOLLOW) != 0);
                WasiDescriptors.fileStatus(g, node, (int) a[4]);
            }
            return WasiErrno.SUCCESS;
        });
        add("path_filestat_set_times", "iiiiIIi", (g, a) -> {
            FileNode node = g.tree().find(directory(g, a[0]), path(g, a[2], a[3]), g.uid(), (a[1] & FOLLOW) != 0);
            return WasiDescriptors.setTimes(g, node, a[4], a[5], a[6]);
        });
    }

    private static int open(GuestContext guest, long[] a) {
        FileTree tree = guest.tree();
        FileNode floor = directory(guest, a[0]);
        String path = path(guest, a[2], a[3]);
        long flags = a[4];
        boolean write = (a[5] & RIGHT_WRITE) != 0;
        boolean read = (a[5] & RIGHT_READ) != 0;
        HostFile served = floor == tree.root() ? HostFile.openOrNull(guest, path) : null;
        if (served != null) {
            guest.memory().writeI32((int) a[8], guest.descriptors().add(new Descriptor(served)));
            return WasiErrno.SUCCESS;
        }
        synchronized (tree) {
            FileNode node = existing(guest, floor, path, (a[1] & FOLLOW) != 0, (flags & CREATE) != 0);
            if (node == null) {
                node = tree.make(floor, path, guest.uid(), Entry.Type.FILE, 0644, "");
            } else if ((flags & CREATE) != 0 && (flags & EXCLUSIVE) != 0) {
                throw FileTree.failure(Errno.EEXIST, path);
            }
            if (node.type == Entry.Type.SYMLINK) {
                throw FileTree.failure(Errno.ELOOP, path);
            }
            if ((flags & DIRECTORY) != 0 && !node.isDirectory()) {
                throw FileTree.failure(Errno.ENOTDIR, path);
            }
            if (node.isDirectory() && (flags & (CREATE | TRUNCATE)) != 0) {
                throw FileTree.failure(Errno.EISDIR, path);
            }
            boolean writes = !node.isDirectory() && (write || (flags & TRUNCATE) != 0);
            tree.require(guest.uid(), node, (writes ? 2 : 0) | (read && !node.isDirectory() ? 4 : 0), path);
            if ((flags & TRUNCATE) != 0) {
                tree.resize(node, 0);
            }
            boolean append = (a[7] & WasiDescriptors.APPEND) != 0;
            int fd = guest.descriptors().add(new Descriptor(node, "", read, write && !node.isDirectory(), append));
            guest.memory().writeI32((int) a[8], fd);
        }
        return WasiErrno.SUCCESS;
    }

    /** Null when it may be made. */
    private static @Nullable FileNode existing(
            GuestContext guest, FileNode floor, String path, boolean follow, boolean create) {
        if (!create) {
            return guest.tree().find(floor, path, guest.uid(), follow);
        }
        FileNode node = guest.tree().findOrNull(floor, path, guest.uid());
        return node != null && node.type == Entry.Type.SYMLINK && follow
                ? guest.tree().find(floor, path, guest.uid(), true)
                : node;
    }

    private static int readLink(GuestContext guest, long[] a) {
        FileNode node = guest.tree().find(directory(guest, a[0]), path(guest, a[1], a[2]), guest.uid(), false);
        if (node.type != Entry.Type.SYMLINK) {
            return WasiErrno.INVAL;
        }
        byte[] target = node.target.getBytes(StandardCharsets.UTF_8);
        int part = (int) Math.min(target.length, a[4] & 0xffffffffL);
        guest.memory().write((int) a[3], target, 0, part);
        guest.memory().writeI32((int) a[5], part);
        return WasiErrno.SUCCESS;
    }

    private static FileNode directory(GuestContext guest, long fd) {
        FileNode node = guest.descriptors().get((int) fd).node();
        if (node == null || !node.isDirectory()) {
            throw FileTree.failure(Errno.ENOTDIR, "descriptor " + fd);
        }
        return node;
    }

    private static String path(GuestContext guest, long at, long length) {
        return GuestBytes.path(guest.memory(), at, length);
    }

    private static void add(String name, String parameters, HostFunctions.Call call) {
        HostFunctions.add(HostFunctions.WASI, name, parameters, call);
    }
}
