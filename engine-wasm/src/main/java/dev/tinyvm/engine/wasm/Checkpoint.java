package dev.tinyvm.engine.wasm;

/**
 * Where compiled modules look whether they may go on: at every function call and every jump backwards, in place of Endive's own test for an
 * interrupt (see {@link CheckpointRewriter}), at the same cost. Here a guest is throttled, frozen and killed. Public only because compiled
 * modules call it.
 */
public final class Checkpoint {
    private static final int HEADROOM_FRAMES = 256;

    private Checkpoint() {}

    /** Returns at once unless this guest was told to stop, to wait, or to end. */
    public static void poll() {
        if (Thread.currentThread() instanceof GuestThread guest && guest.attention()) {
            guest.process().checkpoint();
        }
    }

    /**
     * Fails with StackOverflowError, before anything was changed, when a host call might run out of stack half-way. Host calls touch state that
     * is shared with neighbours (locks, class initializers), which an overflow in the middle would break.
     */
    static void ensureHeadroom() {
        if (descend(HEADROOM_FRAMES, 1, 2, 3, 4, 5, 6) == Long.MIN_VALUE) {
            throw new AssertionError("unreachable: the sum is positive");
        }
    }

    /** About 100 bytes a frame; too deep to be inlined away. */
    private static long descend(int frames, long a, long b, long c, long d, long e, long f) {
        return frames == 0 ? a + b + c + d + e + f : 1 + descend(frames - 1, b, c, d, e, f, a);
    }
}
