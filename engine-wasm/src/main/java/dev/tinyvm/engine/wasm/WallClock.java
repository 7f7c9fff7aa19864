package dev.tinyvm.engine.wasm;

import java.time.Duration;

/** Ends a process that runs longer than it may, with SIGKILL. A virtual thread waits; it goes when the process has ended. */
final class WallClock {
    private final WasmProcess process;
    private final Duration limit;

    WallClock(WasmProcess process, Duration limit) {
        this.process = process;
        this.limit = limit;
    }

    void start() {
        Thread.ofVirtual().name("wasm-wall-clock").start(this::watch);
    }

    private void watch() {
        try {
            if (!process.awaitOver(System.nanoTime() + limit.toNanos())) {
                process.streams()
                        .lastWords("tinyvm: ended after its wall-clock limit of " + limit.toMillis() + " ms\n");
                process.end(9);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
