package dev.tinyvm.engine.wasm;

import java.util.HashSet;
import java.util.Set;

/**
 * Whether the processes of one machine may run: not while it is frozen, nor while it has used up its CPU share. Its monitor guards all
 * fields and the waiting of the guests' threads; no other lock is taken under it.
 */
final class Gate {
    private final Set<WasmProcess> processes = new HashSet<>();
    private boolean frozen;
    private boolean throttled;
    private long throttledSinceNanos;
    private long throttledNanos;

    synchronized void add(WasmProcess process) {
        processes.add(process);
        if (closed()) {
            process.attract();
        }
    }

    synchronized void remove(WasmProcess process) {
        processes.remove(process);
        notifyAll();
    }

    synchronized boolean closed() {
        return frozen || throttled;
    }

    synchronized boolean frozen() {
        return frozen;
    }

    /** Returns when no process runs any more: each stands at a checkpoint or waits in the host. */
    synchronized void freeze() throws InterruptedException {
        frozen = true;
        processes.forEach(WasmProcess::attract);
        while (frozen && !processes.stream().allMatch(WasmProcess::standing)) {
            wait();
        }
    }

    synchronized void thaw() {
        frozen = false;
        notifyAll();
    }

    synchronized void throttle(boolean on, long nowNanos) {
        if (on == throttled) {
            return;
        }
        throttled = on;
        if (on) {
            throttledSinceNanos = nowNanos;
            processes.forEach(WasmProcess::attract);
        } else {
            throttledNanos += nowNanos - throttledSinceNanos;
            notifyAll();
        }
    }

    synchronized long throttledNanos(long nowNanos) {
        return throttledNanos + (throttled ? nowNanos - throttledSinceNanos : 0);
    }
}
