package dev.tinyvm.images;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Copies a directory into a {@link RootfsWriter}. Links are copied, never followed; what is mounted below the directory is left out and
 * becomes an empty directory, so that a chroot with {@code /proc} mounted can be imported.
 */
final class TreeReader {
    private final RootfsWriter writer;
    private final MessageDigest digest;
    private final long device;
    private final List<String> leftOut = new ArrayList<>();
    /** Inode to the first name that was copied, of files with several names. */
    private final Map<Long, String> linked = new HashMap<>();

    private final MemorySegment buffer;

    private TreeReader(RootfsWriter writer, MessageDigest digest, long device, Arena arena) {
        this.buffer = arena.allocate(1 << 17);
        this.writer = writer;
        this.digest = digest;
        this.device = device;
    }

    /**
     * Copies everything below an open directory.
     *
     * @param digest gets a canonical description of what was copied
     * @return names that were left out: device nodes in {@code dev/}, fifos, sockets, what is mounted below
     */
    static List<String> read(int source, RootfsWriter writer, MessageDigest digest) throws IOException, Posix.Failure {
        FileStat stat = Posix.stat(source, "");
        try (Arena arena = Arena.ofConfined()) {
            TreeReader reader = new TreeReader(writer, digest, stat.device(), arena);
            writer.directory("", reader.meta(source, stat));
            reader.children(source, "");
            return reader.leftOut;
        }
    }

    private void children(int directory, String name) throws IOException, Posix.Failure {
        for (String child : Posix.names(directory)) {
            String path = EntryName.clean(name.isEmpty() ? child : name + "/" + child);
            FileStat stat = Posix.stat(directory, child);
            if (stat.isDirectory()) {
                directory(directory, child, path, stat);
            } else if (stat.isLink()) {
                String target = Posix.readlink(directory, child);
                FileMeta meta = meta(stat, Map.of());
                describe('2', path, meta, target);
                writer.symlink(path, target, meta);
            } else if (stat.isFile()) {
                file(directory, child, path, stat);
            } else if (stat.isDevice() && !path.startsWith("dev/")) {
                throw EntryName.refused(
                        path,
                        "is a device node; a Tiny VM gets no device but those in its own /dev, remove it from the directory");
            } else {
                writer.count(path);
                leftOut.add(path);
            }
        }
    }

    private void directory(int parent, String child, String path, FileStat stat) throws IOException, Posix.Failure {
        int opened = Posix.openat(parent, child, Posix.O_RDONLY | Posix.O_DIRECTORY | Posix.O_NOFOLLOW, 0);
        try {
            boolean mounted = stat.device() != device;
            FileMeta meta = mounted ? new FileMeta(0755, 0, 0, 0, 0, Map.of()) : meta(opened, stat);
            describe('5', path, meta, "");
            writer.directory(path, meta);
            if (mounted) {
                leftOut.add(path);
            } else {
                children(opened, path);
            }
        } finally {
            Posix.close(opened);
        }
    }

    private void file(int parent, String child, String path, FileStat seen) throws IOException, Posix.Failure {
        String first = seen.links() > 1 ? linked.putIfAbsent(seen.inode(), path) : null;
        if (first != null) {
            describe('1', path, meta(seen, Map.of()), first);
            writer.hardLink(path, first);
            return;
        }
        // The directory may change while it is read: non-blocking, so that a fifo which took the file's place cannot
        // stall the import.
        int file = Posix.openat(parent, child, Posix.O_RDONLY | Posix.O_NOFOLLOW | Posix.O_NONBLOCK, 0);
        try {
            FileStat stat = Posix.stat(file, "");
            if (!stat.isFile()) {
                throw EntryName.refused(path, "changed while it was read; stop what writes there and try again");
            }
            FileMeta meta = meta(file, stat);
            describe('0', path, meta, Long.toString(stat.size()));
            writer.file(path, meta, stat.size(), new FileStream(file, digest, buffer));
        } finally {
            Posix.close(file);
        }
    }

    private FileMeta meta(int file, FileStat stat) throws Posix.Failure {
        Map<String, byte[]> xattrs = new LinkedHashMap<>();
        try {
            for (String name : Posix.flistxattr(file)) {
                if (FileMeta.keepsXattr(name)) {
                    xattrs.put(name, Posix.fgetxattr(file, name));
                }
            }
        } catch (Posix.Failure e) {
            if (e.errno() != Posix.ENOTSUP) {
                throw e;
            }
        }
        return meta(stat, xattrs);
    }

    private static FileMeta meta(FileStat stat, Map<String, byte[]> xattrs) {
        return new FileMeta(
                stat.permissions(), stat.uid(), stat.gid(), stat.modifiedSeconds(), stat.modifiedNanos(), xattrs);
    }

    private void describe(char type, String path, FileMeta meta, String more) {
        field(String.valueOf(type));
        field(path);
        field(meta.mode() + " " + meta.uid() + " " + meta.gid());
        field(more);
        new TreeMap<>(meta.xattrs()).forEach((name, value) -> {
            field(name);
            digest.update(ByteBuffer.allocate(4).putInt(value.length).array());
            digest.update(value);
        });
    }

    /** Each field with its length, so that no two trees have one description. */
    private void field(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        digest.update(ByteBuffer.allocate(4).putInt(bytes.length).array());
        digest.update(bytes);
    }

    /** Reads a descriptor and feeds the digest; does not own the descriptor. */
    private static final class FileStream extends InputStream {
        private final int file;
        private final MessageDigest digest;
        private final MemorySegment buffer;

        FileStream(int file, MessageDigest digest, MemorySegment buffer) {
            this.file = file;
            this.digest = digest;
            this.buffer = buffer;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            if (length == 0) {
                return 0;
            }
            try {
                int read = Posix.read(file, buffer.asSlice(0, Math.min(length, buffer.byteSize())));
                MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, bytes, offset, read);
                digest.update(bytes, offset, read);
                return read == 0 ? -1 : read;
            } catch (Posix.Failure e) {
                throw new IOException(e.getMessage(), e);
            }
        }
    }
}
