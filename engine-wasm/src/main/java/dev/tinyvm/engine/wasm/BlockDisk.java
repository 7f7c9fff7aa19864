package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of one Tiny VM's files: blocks in one host file, which is made when the first block is written. No path of the guest ever
 * becomes a path of the host, so there is none to escape through. Not thread safe: {@link FileTree}'s monitor guards it.
 *
 * <p>Not a FileChannel on purpose: the interrupt that ends a guest would close it for all processes of the machine.
 */
final class BlockDisk implements AutoCloseable {
    static final int BLOCK_BYTES = 4096;

    private final Path file;
    private final long totalBlocks;
    private final BitSet used = new BitSet();
    private long usedBlocks;
    private long nodes;
    private @Nullable RandomAccessFile disk;
    private boolean closed;

    BlockDisk(Path file, long totalBytes) {
        this.file = file;
        this.totalBlocks = totalBytes / BLOCK_BYTES;
    }

    /** A file, directory or link costs one block of quota, so that their number is bounded too. False when the disk is full. */
    boolean addNode() {
        if (usedBlocks + nodes >= totalBlocks) {
            return false;
        }
        nodes++;
        return true;
    }

    void removeNode() {
        nodes--;
    }

    /** A free block; its old content is still in it. @throws GuestFileException {@code ENOSPC} */
    int allocate() {
        if (usedBlocks + nodes >= totalBlocks) {
            throw new GuestFileException(Errno.ENOSPC, "the disk is full (" + totalBytes() + " bytes)");
        }
        int block = used.nextClearBit(0);
        used.set(block);
        usedBlocks++;
        return block;
    }

    void release(int block) {
        used.clear(block);
        usedBlocks--;
    }

    /** Bytes at {@code at} within a block; what was never written reads as zero. */
    void read(int block, int at, byte[] into, int offset, int length) {
        try {
            RandomAccessFile open = open();
            open.seek((long) block * BLOCK_BYTES + at);
            int done = 0;
            while (done < length) {
                int part = open.read(into, offset + done, length - done);
                if (part < 0) {
                    java.util.Arrays.fill(into, offset + done, offset + length, (byte) 0);
                    return;
                }
                done += part;
            }
        } catch (IOException e) {
            throw failure(e);
        }
    }

    void write(int block, int at, byte[] from, int offset, int length) {
        try {
            RandomAccessFile open = open();
            open.seek((long) block * BLOCK_BYTES + at);
            open.write(from, offset, length);
        } catch (IOException e) {
            throw failure(e);
        }
    }

    long totalBytes() {
        return totalBlocks * BLOCK_BYTES;
    }

    long usedBytes() {
        return (usedBlocks + nodes) * BLOCK_BYTES;
    }

    @Override
    public void close() {
        closed = true;
        RandomAccessFile open = disk;
        disk = null;
        try {
            if (open != null) {
                open.close();
            }
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw failure(e);
        }
    }

    private RandomAccessFile open() throws IOException {
        RandomAccessFile open = disk;
        if (open == null) {
            if (closed) {
                throw new IOException("the machine has ended");
            }
            open = new RandomAccessFile(file.toFile(), "rw");
            disk = open;
        }
        return open;
    }

    private static GuestFileException failure(IOException e) {
        return new GuestFileException(Errno.EIO, "the machine's disk failed: " + e.getMessage());
    }
}
