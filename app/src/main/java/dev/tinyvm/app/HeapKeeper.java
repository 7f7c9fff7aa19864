package dev.tinyvm.app;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryUsage;
import java.time.Duration;
import java.util.Optional;

/**
 * Keeps the manager's resident memory flat. The serial collector lets its old generation grow up to the largest heap, which has room for many WebAssembly Tiny VMs, before
 * it looks for garbage there; what threads leave behind that wait again and again, as those of streamed answers do, is such garbage. So the collection is asked for once
 * what has come since the last one outweighs what that one has left: it costs a pause of some tens of milliseconds then, and at most a fiftieth of the time.
 *
 * <p>One daemon thread, until {@link #close}.
 */
final class HeapKeeper implements AutoCloseable {
    /** Less is not worth a pause. */
    static final long LEAST_BYTES = 48L << 20;

    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(2);
    private static final long MOST_OF_THE_TIME = 50;

    private final Thread thread =
            Thread.ofPlatform().daemon().name("tinyvm-heap").unstarted(HeapKeeper::keep);

    private HeapKeeper() {}

    /** With another collector, which has its own ways, nothing is done. */
    static HeapKeeper start() {
        HeapKeeper keeper = new HeapKeeper();
        keeper.thread.start();
        return keeper;
    }

    /** @param left by the last collection of the old generation; 0: there was none @param used now */
    static boolean isWorthwhile(long left, long used) {
        return used - left > Math.max(LEAST_BYTES, left);
    }

    private static void keep() {
        try {
            // The beans are loaded once the manager is up.
            Thread.sleep(BETWEEN_LOOKS);
            Optional<MemoryPoolMXBean> serial = ManagementFactory.getMemoryPoolMXBeans().stream()
                    .filter(pool -> pool.getName().equals("Tenured Gen"))
                    .findFirst();
            while (serial.isPresent()) {
                Thread.sleep(BETWEEN_LOOKS);
                MemoryPoolMXBean old = serial.get();
                MemoryUsage left = old.getCollectionUsage();
                if (isWorthwhile(
                        left == null ? 0 : left.getUsed(), old.getUsage().getUsed())) {
                    long from = System.nanoTime();
                    System.gc();
                    Thread.sleep(Duration.ofNanos((System.nanoTime() - from) * MOST_OF_THE_TIME));
                }
            }
        } catch (InterruptedException e) {
            // Closed.
        }
    }

    @Override
    public void close() {
        thread.interrupt();
    }
}
