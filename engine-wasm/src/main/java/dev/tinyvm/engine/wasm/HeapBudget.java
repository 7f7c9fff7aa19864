package dev.tinyvm.engine.wasm;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Bytes of heap that all guests together may hold, so that no sum of guests exhausts the JVM: linear memory, file nodes and kept output
 * are taken from here before they are allocated. Thread safe, without locks.
 */
final class HeapBudget {
    private final long totalBytes;
    private final AtomicLong left;

    HeapBudget(long totalBytes) {
        this.totalBytes = totalBytes;
        this.left = new AtomicLong(totalBytes);
    }

    /** False when so much is not left; nothing is taken then. */
    boolean take(long bytes) {
        while (true) {
            long now = left.get();
            if (now < bytes) {
                return false;
            }
            if (left.compareAndSet(now, now - bytes)) {
                return true;
            }
        }
    }

    void giveBack(long bytes) {
        left.addAndGet(bytes);
    }

    long totalBytes() {
        return totalBytes;
    }

    long leftBytes() {
        return left.get();
    }
}
