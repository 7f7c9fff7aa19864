package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import run.endive.runtime.Memory;

/** How bytes go between a guest's memory and the host, in parts whose size the guest does not choose. */
final class GuestBytes {
    static final int PART_BYTES = 32 << 10;
    private static final int MAX_VECTORS = 1024;

    private GuestBytes() {}

    /** @throws GuestFileException {@code ENAMETOOLONG} for more than {@value FileTree#MAX_PATH_BYTES} bytes */
    static String path(Memory memory, long at, long length) {
        return text(memory, at, length, FileTree.MAX_PATH_BYTES);
    }

    static String text(Memory memory, long at, long length, int most) {
        if (length < 0 || length > most) {
            throw new GuestFileException(Errno.ENAMETOOLONG, "a text of " + length + " bytes");
        }
        return new String(memory.readBytes((int) at, (int) length), StandardCharsets.UTF_8);
    }

    /** Hands all bytes of a list of buffers to {@code sink} until it takes fewer than it got. @return how many it took */
    static long gather(Memory memory, long vectors, long count, Transfer sink) {
        return each(memory, vectors, count, (at, length) -> {
            byte[] part = memory.readBytes(at, length);
            return sink.transfer(part, 0, length);
        });
    }

    /** Fills a list of buffers from {@code source} until it gives fewer than asked. @return how many it gave */
    static long scatter(Memory memory, long vectors, long count, Transfer source) {
        return each(memory, vectors, count, (at, length) -> {
            byte[] part = new byte[length];
            int got = source.transfer(part, 0, length);
            memory.write(at, part, 0, got);
            return got;
        });
    }

    static long nanos(Instant instant) {
        return instant.getEpochSecond() * 1_000_000_000L + instant.getNano();
    }

    static Instant instant(long nanos) {
        return Instant.ofEpochSecond(Math.floorDiv(nanos, 1_000_000_000L), Math.floorMod(nanos, 1_000_000_000L));
    }

    private static long each(Memory memory, long vectors, long count, Part part) {
        if (count < 0 || count > MAX_VECTORS) {
            throw new GuestFileException(Errno.EINVAL, count + " buffers");
        }
        long done = 0;
        for (int i = 0; i < count; i++) {
            int at = memory.readInt((int) vectors + i * 8);
            int left = memory.readInt((int) vectors + i * 8 + 4);
            if (left < 0) {
                throw new GuestFileException(Errno.EINVAL, "a buffer of more than 2 GiB");
            }
            while (left > 0) {
                int length = Math.min(left, PART_BYTES);
                int moved;
                try {
                    moved = part.move(at, length);
                } catch (GuestFileException e) {
                    if (done > 0) {
                        return done;
                    }
                    throw e;
                }
                done += moved;
                if (moved < length) {
                    return done;
                }
                at += length;
                left -= length;
            }
        }
        return done;
    }

    /** Moves up to {@code length} bytes and says how many. */
    @FunctionalInterface
    interface Transfer {
        int transfer(byte[] bytes, int offset, int length);
    }

    @FunctionalInterface
    private interface Part {
        int move(int at, int length);
    }
}
