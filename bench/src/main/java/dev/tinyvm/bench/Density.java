package dev.tinyvm.bench;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/** Memory that the machine as a whole has less of for each live, idle Tiny VM: (MemAvailable before − after) / N. That counts everything: guest, cgroups, namespaces, manager, spawner. */
final class Density {
    private static final int SETTLE_LOOKS = 20;
    private static final long LOOK_MILLIS = 250;

    private Density() {}

    static Map<String, Object> measure(BenchTarget target, int n, String engine, Consumer<String> progress)
            throws IOException {
        try (Wire wire = new Wire(target.url(), target.key());
                Vms vms = Vms.idle(wire, engine, "0.1")) {
            // The first ones bring code and caches into memory that no later one pays for.
            for (int i = 0; i < Benchmark.WARM_UP; i++) {
                vms.echo(vms.create());
            }
            vms.removeAll();
            long before = settled();
            long[] times = new long[n];
            for (int i = 0; i < n; i++) {
                long start = System.nanoTime();
                vms.create();
                times[i] = System.nanoTime() - start;
                if (i > 0 && i % 250 == 0) {
                    progress.accept(i + " of " + n + " live");
                }
            }
            long after = settled();
            Map<String, Object> figures = new LinkedHashMap<>();
            BenchResult.percentiles(figures, "", times);
            figures.put("bytesEach", (before - after) / n);
            if (target.pid() > 0) {
                figures.put("managerRssBytes", Machine.rssBytes(target.pid()));
            }
            progress.accept(vms.count() + " live, removing them");
            return figures;
        }
    }

    /** The smallest of several looks: memory that is being given back counts as free. */
    private static long settled() throws IOException {
        long best = 0;
        try {
            for (int i = 0; i < SETTLE_LOOKS; i++) {
                best = Math.max(best, Machine.memAvailableBytes());
                Thread.sleep(LOOK_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        return best;
    }
}
