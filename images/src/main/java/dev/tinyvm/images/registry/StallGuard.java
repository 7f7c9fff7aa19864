package dev.tinyvm.images.registry;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

/** Ends a transfer on which no byte arrives: a thread of its own closes the stream, which makes the read fail. Waiting for the reader does not count. */
final class StallGuard extends FilterInputStream {
    private final long limitNanos;
    private final Thread watcher;
    /** When the read that goes on began; 0 while none does. */
    private volatile long readingSince;

    private volatile boolean stalled;

    private StallGuard(InputStream in, Duration limit) {
        super(in);
        this.limitNanos = limit.toNanos();
        this.watcher = Thread.ofVirtual().name("stall-guard").unstarted(this::watch);
    }

    static StallGuard of(InputStream in, Duration limit) {
        StallGuard guard = new StallGuard(in, limit);
        guard.watcher.start();
        return guard;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
        long now = System.nanoTime();
        readingSince = now == 0 ? 1 : now;
        try {
            int read = in.read(bytes, offset, length);
            if (stalled) {
                throw stall(null);
            }
            return read;
        } catch (IOException e) {
            throw stalled ? stall(e) : e;
        } finally {
            readingSince = 0;
        }
    }

    @Override
    public void close() throws IOException {
        watcher.interrupt();
        super.close();
    }

    private IOException stall(@org.jspecify.annotations.Nullable IOException cause) {
        return new IOException("no byte came for " + limitNanos / 1_000_000_000 + " s", cause);
    }

    private void watch() {
        try {
            while (true) {
                long since = readingSince;
                long left = since == 0 ? limitNanos : limitNanos - (System.nanoTime() - since);
                if (left <= 0) {
                    stalled = true;
                    in.close();
                    return;
                }
                Thread.sleep(Duration.ofNanos(left));
            }
        } catch (InterruptedException | IOException e) {
            // Closed by its reader, or already broken: either way there is nothing left to guard.
        }
    }
}
