package dev.tinyvm.bench;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Counts what the manager, the spawner and the host hold before and after many creates and destroys. Needs root, and the manager on this machine. */
final class Leak {
    private static final int SETTLE_LOOKS = 60;
    private static final long LOOK_MILLIS = 500;

    private Leak() {}

    /** All counts by name; the names say whose. */
    private record Census(Map<String, Long> counts) {
        static Census take(BenchTarget target) {
            Map<String, Long> counts = new LinkedHashMap<>();
            counts.put("managerDescriptors", Machine.descriptors(target.pid()));
            counts.put("managerThreads", Machine.threads(target.pid()));
            counts.put("managerRssBytes", Machine.rssBytes(target.pid()));
            List<Long> spawners = Machine.processes("tinyvm-spawner", target.runDirectory());
            counts.put("spawnerProcesses", (long) spawners.size());
            counts.put(
                    "spawnerDescriptors",
                    spawners.stream().mapToLong(Machine::descriptors).sum());
            counts.put(
                    "spawnerMounts",
                    spawners.stream()
                            .mapToLong(pid -> Machine.mounts(Long.toString(pid)))
                            .sum());
            counts.put(
                    "guestProcesses", (long) Machine.processes("tinyvm-guest").size());
            counts.put("hostCgroups", Machine.cgroups());
            counts.put("hostMounts", Machine.mounts("self"));
            return new Census(counts);
        }

        /** Everything that must be as before; memory is printed and judged by people. */
        boolean sameBut(Census other) {
            return counts.entrySet().stream()
                    .filter(e -> !e.getKey().endsWith("Bytes") && !e.getKey().equals("managerThreads"))
                    .allMatch(e -> e.getValue().equals(other.counts.get(e.getKey())));
        }
    }

    static Map<String, Object> measure(BenchTarget target, BenchPlan plan, int usual, Consumer<String> progress)
            throws IOException {
        int n = plan.count(usual);
        int clients = plan.clients(2);
        if (target.pid() == 0 || Machine.descriptors(target.pid()) < 0) {
            throw new IOException("leak looks at the manager's process: it needs root, and a manager on this machine");
        }
        // The first ones start threads, open files and fill caches that stay on purpose.
        Benchmark.churn(target, Math.min(500, Math.max(clients, n / 4)), clients, plan.engine(), progress);
        Census before = settle(target, null);
        long start = System.nanoTime();
        Benchmark.churn(target, n, clients, plan.engine(), progress);
        double seconds = (System.nanoTime() - start) / 1e9;
        Census after = settle(target, before);
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("perSecond", BenchResult.tenth(n / seconds));
        figures.put("leaked", !after.sameBut(before));
        figures.put("before", before.counts());
        figures.put("after", after.counts());
        return figures;
    }

    /** Waits until the counts are as before, or do not change any more; what is given back lazily gets its time. */
    private static Census settle(BenchTarget target, @org.jspecify.annotations.Nullable Census like)
            throws IOException {
        try {
            Census last = Census.take(target);
            for (int i = 0; i < SETTLE_LOOKS; i++) {
                if (like != null && last.sameBut(like)) {
                    return last;
                }
                Thread.sleep(LOOK_MILLIS);
                Census now = Census.take(target);
                if (like == null && i >= 3 && now.sameBut(last)) {
                    return now;
                }
                last = now;
            }
            return last;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
