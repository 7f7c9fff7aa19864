package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.engine.wasm.DescriptorTable.Descriptor;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import run.endive.runtime.Memory;

/** WASI preview 1: calls on open files. There are no sockets. */
final class WasiDescriptors {
    static final int APPEND = 1;
    private static final int FILESTAT_BYTES = 64;
    private static final int DIRENT_BYTES = 24;
    private static final int CHARACTER_DEVICE = 2;
    private static final int DIRECTORY = 3;
    private static final int REGULAR_FILE = 4;
    private static final int SYMBOLIC_LINK = 7;
    private static final long RIGHT_READ = 1L << 1;
    private static final long RIGHT_WRITE = 1L << 6;
    private static final long STREAM_RIGHTS = RIGHT_READ | RIGHT_WRITE | 1L << 27;
    private static final long ALL_RIGHTS = (1L << 30) - 1;

    private WasiDescriptors() {}

    static void register() {
        add("fd_read", "iiii", (g, a) -> read(g, a, -1, a[3]));
        add("fd_pread", "iiiIi", (g, a) -> a[3] < 0 ? WasiErrno.INVAL : read(g, a, a[3], a[4]));
        add("fd_write", "iiii", (g, a) -> write(g, a, -1, a[3]));
        add("fd_pwrite", "iiiIi", (g, a) -> a[3] < 0 ? WasiErrno.INVAL : write(g, a, a[3], a[4]));
        add("fd_close", "i", (g, a) -> {
            g.descriptors().close((int) a[0]);
            return WasiErrno.SUCCESS;
        });
        add("fd_renumber", "ii", (g, a) -> {
            g.descriptors().move((int) a[0], (int) a[1]);
            return WasiErrno.SUCCESS;
        });
        add("fd_seek", "iIii", WasiDescriptors::seek);
        add("fd_tell", "ii", (g, a) -> seek(g, new long[] {a[0], 0, 1, a[1]}));
        add("fd_fdstat_get", "ii", WasiDescriptors::status);
        add("fd_fdstat_set_flags", "ii", (g, a) -> {
            g.descriptors().get((int) a[0]).append((a[1] & APPEND) != 0);
            return WasiErrno.SUCCESS;
        });
        add("fd_fdstat_set_rights", "iII", (g, a) -> {
            g.descriptors().get((int) a[0]);
            return WasiErrno.SUCCESS;
        });
        add("fd_filestat_get", "ii", (g, a) -> {
            fileStatus(g, g.descriptors().get((int) a[0]).node(), (int) a[1]);
            return WasiErrno.SUCCESS;
        });
        add("fd_filestat_set_size", "iI", (g, a) -> {
            FileNode node = file(g.descriptors().get((int) a[0]), true);
            if (node == null || a[1] < 0) {
                return WasiErrno.INVAL;
            }
            g.tree().resize(node, a[1]);
            return WasiErrno.SUCCESS;
        });
        add("fd_allocate", "iII", (g, a) -> {
            FileNode node = file(g.descriptors().get((int) a[0]), true);
            if (node == null || a[1] < 0 || a[2] <= 0 || a[1] + a[2] < 0) {
                return WasiErrno.INVAL;
            }
            if (node.size() < a[1] + a[2]) {
                g.tree().resize(node, a[1] + a[2]);
            }
            return WasiErrno.SUCCESS;
        });
        add("fd_filestat_set_times", "iIIi", (g, a) -> {
            FileNode node = g.descriptors().get((int) a[0]).node();
            return node == null ? WasiErrno.INVAL : setTimes(g, node, a[1], a[2], a[3]);
        });
        add("fd_advise", "iIIi", (g, a) -> ok(g, a[0]));
        add("fd_sync", "i", (g, a) -> ok(g, a[0]));
        add("fd_datasync", "i", (g, a) -> ok(g, a[0]));
        add("fd_prestat_get", "ii", (g, a) -> {
            String name = g.descriptors().get((int) a[0]).preopenedAs();
            if (name.isEmpty()) {
                return WasiErrno.BADF;
            }
            g.memory().writeI32((int) a[1], 0);
            g.memory().writeI32((int) a[1] + 4, name.length());
            return WasiErrno.SUCCESS;
        });
        add("fd_prestat_dir_name", "iii", (g, a) -> {
            byte[] name = g.descriptors().get((int) a[0]).preopenedAs().getBytes(StandardCharsets.UTF_8);
            if (name.length == 0 || a[2] < name.length) {
                return name.length == 0 ? WasiErrno.BADF : WasiErrno.NAMETOOLONG;
            }
            g.memory().write((int) a[1], name, 0, name.length);
            return WasiErrno.SUCCESS;
        });
        add("fd_readdir", "iiiIi", WasiDescriptors::readDirectory);
        add("sock_accept", "iii", (g, a) -> noSocket(g, a[0]));
        add("sock_recv", "iiiiii", (g, a) -> noSocket(g, a[0]));
        add("sock_send", "iiiii", (g, a) -> noSocket(g, a[0]));
        add("sock_shutdown", "ii", (g, a) -> noSocket(g, a[0]));
    }

    /** Writes all of it to a stream, waiting for the reader. */
    static void writeAll(GuestContext guest, boolean toStderr, byte[] bytes) {
        int done = 0;
        while (done < bytes.length) {
            int from = done;
            done += guest.process()
                    .waiting(() -> guest.process().streams().write(toStderr, bytes, from, bytes.length - from));
        }
    }

    static void fileStatus(GuestContext guest, @Nullable FileNode node, int at) {
        Memory memory = guest.memory();
        memory.fill((byte) 0, at, at + FILESTAT_BYTES);
        memory.writeByte(at + 16, (byte) type(node));
        memory.writeLong(at + 24, 1);
        if (node != null) {
            memory.writeLong(at, 1);
            memory.writeLong(at + 8, node.number);
            memory.writeLong(at + 24, node.links);
            memory.writeLong(at + 32, node.size());
            memory.writeLong(at + 40, GuestBytes.nanos(node.accessedAt));
            memory.writeLong(at + 48, GuestBytes.nanos(node.modifiedAt));
            memory.writeLong(at + 56, GuestBytes.nanos(node.modifiedAt));
        }
    }

    /** @param flags 1 set, 2 now for the access time; 4 set, 8 now for the modification time */
    static int setTimes(GuestContext guest, FileNode node, long accessed, long modified, long flags) {
        if ((flags & 3) == 3 || (flags & 12) == 12) {
            return WasiErrno.INVAL;
        }
        if (guest.uid() != Users.ROOT && guest.uid() != node.uid) {
            return WasiErrno.PERM;
        }
        synchronized (guest.tree()) {
            if ((flags & 3) != 0) {
                node.accessedAt = (flags & 1) != 0 ? GuestBytes.instant(accessed) : Instant.now();
            }
            if ((flags & 12) != 0) {
                node.modifiedAt = (flags & 4) != 0 ? GuestBytes.instant(modified) : Instant.now();
            }
        }
        return WasiErrno.SUCCESS;
    }

    private static int read(GuestContext guest, long[] a, long at, long result) {
        Descriptor descriptor = guest.descriptors().get((int) a[0]);
        FileNode node = descriptor.node();
        if (!descriptor.readable()) {
            return WasiErrno.BADF;
        }
        if (node != null && node.isDirectory()) {
            return WasiErrno.ISDIR;
        }
        if (node == null && at >= 0) {
            return WasiErrno.SPIPE;
        }
        HostFile served = descriptor.served();
        long[] position = {at >= 0 ? at : descriptor.position()};
        long done = GuestBytes.scatter(guest.memory(), a[1], a[2], (bytes, offset, length) -> {
            if (served != null) {
                // What has come is handed over at once: only the first buffer may wait.
                return position[0]++ == 0 ? served.read(bytes, offset, length) : 0;
            }
            if (node == null) {
                boolean first = position[0] == 0;
                position[0]++;
                // Whatever is there: only the first buffer may wait.
                return first || guest.process().streams().hasInput()
                        ? guest.process()
                                .waiting(() -> guest.process().streams().read(bytes, offset, length))
                        : 0;
            }
            int part = guest.tree().read(node, position[0], bytes, offset, length);
            position[0] += part;
            return part;
        });
        if (node != null && at < 0) {
            descriptor.position(position[0]);
        }
        guest.memory().writeI32((int) result, (int) done);
        return WasiErrno.SUCCESS;
    }

    private static int write(GuestContext guest, long[] a, long at, long result) {
        Descriptor descriptor = guest.descriptors().get((int) a[0]);
        FileNode node = descriptor.node();
        if (!descriptor.writable()) {
            return WasiErrno.BADF;
        }
        if (node == null && at >= 0) {
            return WasiErrno.SPIPE;
        }
        boolean toStderr = a[0] == 2;
        HostFile served = descriptor.served();
        long[] position = {at >= 0 ? at : descriptor.position()};
        long done = GuestBytes.gather(guest.memory(), a[1], a[2], (bytes, offset, length) -> {
            if (served != null) {
                return served.write(bytes, offset, length);
            }
            if (node == null) {
                return guest.process().waiting(() -> guest.process().streams().write(toStderr, bytes, offset, length));
            }
            Checkpoint.poll();
            boolean append = at < 0 && descriptor.append();
            int part = guest.tree().write(node, position[0], append, bytes, offset, length);
            position[0] = append ? node.size() : position[0] + part;
            return part;
        });
        if (node != null && at < 0) {
            descriptor.position(position[0]);
        }
        guest.memory().writeI32((int) result, (int) done);
        return WasiErrno.SUCCESS;
    }

    private static int seek(GuestContext guest, long[] a) {
        Descriptor descriptor = guest.descriptors().get((int) a[0]);
        FileNode node = file(descriptor, false);
        if (node == null) {
            return WasiErrno.SPIPE;
        }
        long base = switch ((int) a[2]) {
            case 0 -> 0;
            case 1 -> descriptor.position();
            case 2 -> node.size();
            default -> -1;
        };
        if (base < 0 || base + a[1] < 0) {
            return WasiErrno.INVAL;
        }
        descriptor.position(base + a[1]);
        guest.memory().writeLong((int) a[3], base + a[1]);
        return WasiErrno.SUCCESS;
    }

    private static int status(GuestContext guest, long[] a) {
        Descriptor descriptor = guest.descriptors().get((int) a[0]);
        Memory memory = guest.memory();
        int at = (int) a[1];
        FileNode node = descriptor.node();
        long rights = node == null ? STREAM_RIGHTS : ALL_RIGHTS;
        if (node != null && !node.isDirectory()) {
            rights &= ~((descriptor.readable() ? 0 : RIGHT_READ) | (descriptor.writable() ? 0 : RIGHT_WRITE));
        }
        memory.fill((byte) 0, at, at + 24);
        memory.writeByte(at, (byte) type(node));
        memory.writeShort(at + 2, (short) (descriptor.append() ? APPEND : 0));
        memory.writeLong(at + 8, rights);
        memory.writeLong(at + 16, node == null ? 0 : ALL_RIGHTS);
        return WasiErrno.SUCCESS;
    }

    private static int readDirectory(GuestContext guest, long[] a) {
        FileNode node = guest.descriptors().get((int) a[0]).node();
        if (node == null || !node.isDirectory()) {
            return WasiErrno.NOTDIR;
        }
        Memory memory = guest.memory();
        long room = a[2] & 0xffffffffL;
        long used = 0;
        synchronized (guest.tree()) {
            guest.tree().require(guest.uid(), node, 4, "directory");
            long index = 0;
            for (Map.Entry<String, FileNode> child : node.children.entrySet()) {
                index++;
                if (index <= a[3]) {
                    continue;
                }
                byte[] name = child.getKey().getBytes(StandardCharsets.UTF_8);
                byte[] entry = new byte[DIRENT_BYTES + name.length];
                java.nio.ByteBuffer.wrap(entry)
                        .order(java.nio.ByteOrder.LITTLE_ENDIAN)
                        .putLong(index)
                        .putLong(child.getValue().number)
                        .putInt(name.length)
                        .put((byte) type(child.getValue()))
                        .position(DIRENT_BYTES)
                        .put(name);
                // The last entry is cut off where the room ends, which tells the caller that there is more.
                int part = (int) Math.min(entry.length, room - used);
                memory.write((int) (a[1] + used), entry, 0, part);
                used += part;
                if (used == room) {
                    break;
                }
            }
        }
        memory.writeI32((int) a[4], (int) used);
        return WasiErrno.SUCCESS;
    }

    private static int type(@Nullable FileNode node) {
        if (node == null) {
            return CHARACTER_DEVICE;
        }
        return node.type == Entry.Type.DIRECTORY
                ? DIRECTORY
                : node.type == Entry.Type.SYMLINK ? SYMBOLIC_LINK : REGULAR_FILE;
    }

    private static @Nullable FileNode file(Descriptor descriptor, boolean writable) {
        FileNode node = descriptor.node();
        return node == null || node.isDirectory() || (writable && !descriptor.writable()) ? null : node;
    }

    private static int ok(GuestContext guest, long fd) {
        guest.descriptors().get((int) fd);
        return WasiErrno.SUCCESS;
    }

    private static int noSocket(GuestContext guest, long fd) {
        guest.descriptors().get((int) fd);
        return WasiErrno.NOTSOCK;
    }

    private static void add(String name, String parameters, HostFunctions.Call call) {
        HostFunctions.add(HostFunctions.WASI, name, parameters, call);
    }
}
