package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.time.Instant;
import java.util.Arrays;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A file, directory or link. Files of up to {@value #INLINE_BYTES} bytes live in the node, larger ones in blocks. {@link FileTree}'s monitor
 * guards all fields.
 */
final class FileNode {
    static final int INLINE_BYTES = 512;
    private static final int HOLE = -1;
    private static final byte[] NOTHING = new byte[0];

    final long number;
    final Entry.Type type;
    int mode;
    int uid;
    int links = 1;
    int opened;
    Instant modifiedAt = Instant.now();
    Instant accessedAt = modifiedAt;
    String target = "";
    /** Of a directory: the one it is in; null for the root. */
    @Nullable
    FileNode parent;

    final TreeMap<String, FileNode> children = new TreeMap<>();
    private byte[] inline = NOTHING;
    private int[] blocks = new int[0];
    private long size;

    FileNode(long number, Entry.Type type, int mode, int uid) {
        this.number = number;
        this.type = type;
        this.mode = mode;
        this.uid = uid;
    }

    boolean isDirectory() {
        return type == Entry.Type.DIRECTORY;
    }

    /** Directories above this one. */
    int depth() {
        int depth = 0;
        for (FileNode up = parent; up != null; up = up.parent) {
            depth++;
        }
        return depth;
    }

    /** Levels below this one. */
    int height() {
        int height = 0;
        for (FileNode child : children.values()) {
            height = Math.max(height, 1 + child.height());
        }
        return height;
    }

    /** Whether it is that directory, or lies somewhere in it. */
    boolean isWithin(FileNode directory) {
        for (FileNode up = this; up != null; up = up.parent) {
            if (up == directory) {
                return true;
            }
        }
        return false;
    }

    long size() {
        return switch (type) {
            case SYMLINK -> target.getBytes(java.nio.charset.StandardCharsets.UTF_8).length;
            default -> size;
        };
    }

    /** Reads up to {@code length} bytes; 0 at or after the end. */
    int read(BlockDisk disk, long from, byte[] into, int offset, int length) {
        if (from >= size) {
            return 0;
        }
        int wanted = (int) Math.min(length, size - from);
        if (blocks.length == 0) {
            System.arraycopy(inline, (int) from, into, offset, wanted);
            return wanted;
        }
        int done = 0;
        while (done < wanted) {
            long position = from + done;
            int at = (int) (position % BlockDisk.BLOCK_BYTES);
            int part = Math.min(wanted - done, BlockDisk.BLOCK_BYTES - at);
            int block = blocks[(int) (position / BlockDisk.BLOCK_BYTES)];
            if (block == HOLE) {
                Arrays.fill(into, offset + done, offset + done + part, (byte) 0);
            } else {
                disk.read(block, at, into, offset + done, part);
            }
            done += part;
        }
        return wanted;
    }

    /** Writes all bytes, or as many as fit before the disk is full, but at least one. @throws GuestFileException {@code ENOSPC} when none fits */
    int write(BlockDisk disk, long from, byte[] bytes, int offset, int length) {
        if (from > disk.totalBytes()) {
            throw new GuestFileException(Errno.EFBIG, "position " + from + " is behind the end of the disk");
        }
        if (from + length <= INLINE_BYTES && blocks.length == 0) {
            if (from + length > inline.length) {
                inline = Arrays.copyOf(inline, (int) (from + length));
            }
            System.arraycopy(bytes, offset, inline, (int) from, length);
            size = Math.max(size, from + length);
            return length;
        }
        room(disk, from + length);
        int done = 0;
        try {
            while (done < length) {
                long position = from + done;
                int at = (int) (position % BlockDisk.BLOCK_BYTES);
                int part = Math.min(length - done, BlockDisk.BLOCK_BYTES - at);
                disk.write(blockFor(disk, (int) (position / BlockDisk.BLOCK_BYTES)), at, bytes, offset + done, part);
                done += part;
            }
        } catch (GuestFileException e) {
            if (done == 0) {
                throw e;
            }
        }
        size = Math.max(size, from + done);
        return done;
    }

    /** Cuts or extends with a hole. */
    void resize(BlockDisk disk, long newSize) {
        if (newSize < size) {
            if (blocks.length == 0) {
                inline = Arrays.copyOf(inline, (int) newSize);
            } else {
                int keep = (int) ((newSize + BlockDisk.BLOCK_BYTES - 1) / BlockDisk.BLOCK_BYTES);
                for (int i = keep; i < blocks.length; i++) {
                    releaseBlock(disk, i);
                }
                clearTail(disk, newSize);
                if (keep == 0) {
                    blocks = new int[0];
                    inline = NOTHING;
                }
            }
        } else if (newSize > INLINE_BYTES) {
            room(disk, newSize);
        } else if (blocks.length == 0) {
            inline = Arrays.copyOf(inline, (int) newSize);
        }
        size = newSize;
    }

    /** Gives all blocks back. */
    void clear(BlockDisk disk) {
        for (int i = 0; i < blocks.length; i++) {
            releaseBlock(disk, i);
        }
        blocks = new int[0];
        inline = NOTHING;
        size = 0;
    }

    /** Makes the table of blocks long enough, and moves what was inline into the first block. */
    private void room(BlockDisk disk, long bytes) {
        if (bytes > disk.totalBytes()) {
            throw new GuestFileException(Errno.EFBIG, "a file of " + bytes + " bytes is larger than the disk");
        }
        int needed = (int) ((bytes + BlockDisk.BLOCK_BYTES - 1) / BlockDisk.BLOCK_BYTES);
        boolean wasInline = blocks.length == 0;
        int first = wasInline && size > 0 ? disk.allocate() : HOLE;
        if (needed > blocks.length) {
            int old = blocks.length;
            blocks = Arrays.copyOf(blocks, Math.max(needed, old + old / 2));
            Arrays.fill(blocks, old, blocks.length, HOLE);
        }
        if (first != HOLE) {
            byte[] whole = Arrays.copyOf(inline, BlockDisk.BLOCK_BYTES);
            blocks[0] = first;
            disk.write(first, 0, whole, 0, whole.length);
        }
        inline = NOTHING;
    }

    private int blockFor(BlockDisk disk, int index) {
        int block = blocks[index];
        if (block == HOLE) {
            block = disk.allocate();
            blocks[index] = block;
            disk.write(block, 0, new byte[BlockDisk.BLOCK_BYTES], 0, BlockDisk.BLOCK_BYTES);
        }
        return block;
    }

    private void releaseBlock(BlockDisk disk, int index) {
        if (blocks[index] != HOLE) {
            disk.release(blocks[index]);
            blocks[index] = HOLE;
        }
    }

    /** What is cut off must read as zero when the file grows again. */
    private void clearTail(BlockDisk disk, long newSize) {
        int at = (int) (newSize % BlockDisk.BLOCK_BYTES);
        int index = (int) (newSize / BlockDisk.BLOCK_BYTES);
        if (at != 0 && index < blocks.length && blocks[index] != HOLE) {
            disk.write(blocks[index], at, new byte[BlockDisk.BLOCK_BYTES - at], 0, BlockDisk.BLOCK_BYTES - at);
        }
    }
}
