package dev.tinyvm.manager;

import dev.tinyvm.manager.Manager.WaitFigures;
import java.util.Arrays;

/** How long it took to freeze Tiny VMs that began to wait, and to thaw them; of the newest ones, and how many there were. The monitor guards it. See {@link WaitFigures}. */
final class Waits {
    private static final int KEPT = 1_024;

    private final long[] freezes = new long[KEPT];
    private final long[] idles = new long[KEPT];
    private final long[] thaws = new long[KEPT];
    private long frozen;
    private long thawed;

    synchronized void frozen(long nanosFromBeginning, long nanosFromIdle) {
        idles[(int) (frozen % KEPT)] = nanosFromIdle;
        freezes[(int) (frozen++ % KEPT)] = nanosFromBeginning;
    }

    synchronized void thawed(long nanos) {
        thaws[(int) (thawed++ % KEPT)] = nanos;
    }

    synchronized WaitFigures figures() {
        return new WaitFigures(
                frozen,
                percentile(freezes, frozen, 50),
                percentile(freezes, frozen, 99),
                percentile(idles, frozen, 50),
                percentile(idles, frozen, 99),
                percentile(thaws, thawed, 50),
                percentile(thaws, thawed, 99));
    }

    /** In microseconds. */
    private static long percentile(long[] ring, long count, int percent) {
        int size = (int) Math.min(count, KEPT);
        if (size == 0) {
            return 0;
        }
        long[] sorted = Arrays.copyOf(ring, size);
        Arrays.sort(sorted);
        return sorted[Math.max(0, (int) Math.ceil(percent / 100.0 * size) - 1)] / 1_000;
    }
}
