package dev.tinyvm.engine.wasm;

/** Linear memory of one machine's processes together, within its limit and the heap that all guests share. Thread safe. */
final class MemoryAccount {
    private final HeapBudget heap;
    private long limitBytes;
    private long usedBytes;
    private long peakBytes;

    MemoryAccount(HeapBudget heap, long limitBytes) {
        this.heap = heap;
        this.limitBytes = limitBytes;
    }

    synchronized boolean take(long bytes) {
        if (bytes < 0 || usedBytes + bytes > limitBytes || !heap.take(bytes)) {
            return false;
        }
        usedBytes += bytes;
        peakBytes = Math.max(peakBytes, usedBytes);
        return true;
    }

    synchronized void giveBack(long bytes) {
        usedBytes -= bytes;
        heap.giveBack(bytes);
    }

    /** False when more is in use. */
    synchronized boolean limit(long bytes) {
        if (usedBytes > bytes) {
            return false;
        }
        limitBytes = bytes;
        return true;
    }

    synchronized long limitBytes() {
        return limitBytes;
    }

    synchronized long usedBytes() {
        return usedBytes;
    }

    synchronized long peakBytes() {
        return peakBytes;
    }
}
