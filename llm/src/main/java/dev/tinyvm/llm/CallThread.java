package dev.tinyvm.llm;

/** Lets a client that leaves interrupt the thread that serves it, and no later call on the same thread. */
final class CallThread {
    private final Thread thread = Thread.currentThread();
    private boolean over;
    private boolean gone;

    synchronized void clientGone() {
        gone = true;
        if (!over) {
            thread.interrupt();
        }
    }

    synchronized boolean isGone() {
        return gone;
    }

    /** On the thread itself: from here on nothing interrupts. */
    void finish() {
        synchronized (this) {
            over = true;
            if (gone) {
                // The interrupt was for this call.
                boolean _ = Thread.interrupted();
            }
        }
    }
}
