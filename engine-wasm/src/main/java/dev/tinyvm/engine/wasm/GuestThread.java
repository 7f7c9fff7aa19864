package dev.tinyvm.engine.wasm;

/**
 * The thread of one process. A platform thread, because only those have a CPU clock that others can read, and because a guest that computes
 * would hold a virtual thread's carrier for ever.
 */
final class GuestThread extends Thread {
    /** Reserved, not used: only touched pages cost memory. Deep enough for QuickJS; recursion beyond it ends the guest, not the JVM. */
    static final long STACK_BYTES = 8L << 20;

    private final WasmProcess process;
    private volatile boolean attention;

    GuestThread(WasmProcess process, String name, Runnable body) {
        super(null, body, name, STACK_BYTES, false);
        this.process = process;
        setDaemon(true);
    }

    WasmProcess process() {
        return process;
    }

    boolean attention() {
        return attention;
    }

    /** True: the next checkpoint looks what is asked of it. */
    void attention(boolean wanted) {
        attention = wanted;
    }
}
