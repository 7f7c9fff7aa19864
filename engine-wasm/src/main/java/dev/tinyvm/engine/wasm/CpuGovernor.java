package dev.tinyvm.engine.wasm;

import java.util.Collection;
import java.util.function.Supplier;

/**
 * Holds all machines to their CPU shares: while any guest computes, one thread looks at their CPU clocks every {@value #TICK_MILLIS} ms. While
 * none does it sleeps without waking.
 */
final class CpuGovernor implements AutoCloseable {
    private static final long TICK_MILLIS = 5;

    private final Supplier<Collection<WasmMachine>> machines;
    private final Thread thread;
    private volatile boolean awake;
    private boolean closed;

    CpuGovernor(Supplier<Collection<WasmMachine>> machines) {
        this.machines = machines;
        this.thread = Thread.ofPlatform().daemon().name("wasm-governor").unstarted(this::govern);
        thread.start();
    }

    /** A guest computes, or is about to. */
    void awake() {
        if (!awake) {
            synchronized (this) {
                awake = true;
                notifyAll();
            }
        }
    }

    boolean isAwake() {
        return awake;
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
    }

    private void govern() {
        try {
            while (pause()) {
                boolean busy = false;
                for (WasmMachine machine : machines.get()) {
                    busy |= machine.tick(System.nanoTime());
                }
                if (!busy) {
                    rest();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Rests until a guest computes, then lets a tick pass. False once closed. */
    private boolean pause() throws InterruptedException {
        synchronized (this) {
            while (!awake && !closed) {
                wait();
            }
            if (closed) {
                return false;
            }
        }
        Thread.sleep(TICK_MILLIS);
        return true;
    }

    /** A guest that starts at this moment has called {@link #awake} when it was true; so looks once more. */
    private synchronized void rest() {
        awake = false;
        for (WasmMachine machine : machines.get()) {
            awake |= machine.busy();
        }
    }
}
