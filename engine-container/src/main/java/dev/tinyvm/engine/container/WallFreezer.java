package dev.tinyvm.engine.container;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * Freezes and thaws one wall by the one file of its cgroup that the spawner gives to the manager: an agent that is woken does not wait until the spawner, which does one
 * thing after another, has made somebody else's wall. The file stays open: it is that of this wall for ever, and errors out when the wall is gone, whoever gets its place
 * then. Sources: the kernel's {@code cgroup-v1/freezer-subsystem.rst}, {@code cgroup-v2.rst}. For one thread at a time.
 */
final class WallFreezer implements AutoCloseable {
    private static final Duration BETWEEN_READS = Duration.ofNanos(200_000);
    private static final int READS = 10;

    private final RandomAccessFile state;
    /** v2 tells in another file whether the freeze is done; v1 in the same. */
    private final Path events;

    private final boolean v2;

    private WallFreezer(RandomAccessFile state, Path events, boolean v2) {
        this.state = state;
        this.events = events;
        this.v2 = v2;
    }

    /** @throws IOException the file is not the manager's: an older spawner made the wall, or a runtime has put it into a cgroup of its own */
    static WallFreezer of(WallCgroups cgroups) throws IOException {
        boolean v2 = cgroups.v2();
        Path directory = cgroups.directory(v2 ? "" : "freezer");
        Path file = directory.resolve(v2 ? "cgroup.freeze" : "freezer.state");
        if (!Files.isWritable(file)) {
            throw new IOException("the manager may not write " + file);
        }
        return new WallFreezer(new RandomAccessFile(file.toFile(), "rw"), directory.resolve("cgroup.events"), v2);
    }

    /** @return false: it is asked for, and not reached yet */
    boolean freeze() throws IOException {
        write(v2 ? "1" : "FROZEN");
        for (int i = 0; i < READS; i++) {
            if (isFrozen()) {
                return true;
            }
            LockSupport.parkNanos(BETWEEN_READS.toNanos());
        }
        return false;
    }

    void thaw() throws IOException {
        write(v2 ? "0" : "THAWED");
    }

    private boolean isFrozen() throws IOException {
        if (v2) {
            return WallThreads.read(events).contains("frozen 1\n");
        }
        byte[] bytes = new byte[16];
        state.seek(0);
        int length = Math.max(0, state.read(bytes));
        return new String(bytes, 0, length, StandardCharsets.US_ASCII).startsWith("FROZEN");
    }

    private void write(String word) throws IOException {
        state.seek(0);
        state.write(word.getBytes(StandardCharsets.US_ASCII));
    }

    @Override
    public void close() throws IOException {
        state.close();
    }
}
