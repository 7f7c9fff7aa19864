package dev.tinyvm.bench;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** The benchmarks that need a manager. {@code docs/bench.md} says what each measures. */
public enum Benchmark {
    START("start", "Create a Tiny VM and get the first output of a command in it: two requests", 300) {
        @Override
        Map<String, Object> measure(BenchTarget target, BenchPlan plan, Consumer<String> progress) throws IOException {
            return oneAfterAnother(target, plan, usual, vms -> vms.echo(vms.create()));
        }
    },
    CREATE("create", "Create a Tiny VM, one after another", 300) {
        @Override
        Map<String, Object> measure(BenchTarget target, BenchPlan plan, Consumer<String> progress) throws IOException {
            return oneAfterAnother(target, plan, usual, Vms::create);
        }
    },
    EXEC("exec", "Run echo in a running Tiny VM", 1000) {
        @Override
        Map<String, Object> measure(BenchTarget target, BenchPlan plan, Consumer<String> progress) throws IOException {
            try (Wire wire = new Wire(target.url(), target.key());
                    Vms vms = Vms.of(wire, plan.engine(), "1")) {
                String id = vms.create();
                repeat(WARM_UP, () -> vms.echo(id));
                Map<String, Object> figures = new LinkedHashMap<>();
                BenchResult.percentiles(figures, "", times(plan.count(usual), () -> vms.echo(id)));
                return figures;
            }
        }
    },
    FREEZE("freeze", "Pause and resume a Tiny VM: one request each", 500) {
        @Override
        Map<String, Object> measure(BenchTarget target, BenchPlan plan, Consumer<String> progress) throws IOException {
            int n = plan.count(usual);
            try (Wire wire = new Wire(target.url(), target.key());
                    Vms vms = Vms.of(wire, plan.engine(), "1")) {
                String id = vms.create();
                vms.echo(id);
                long[] freezes = new long[n];
                long[] thaws = new long[n];
                for (int i = -WARM_UP; i < n; i++) {
                    long start = System.nanoTime();
                    vms.pause(id);
                    long frozen = System.nanoTime();
                    vms.resume(id);
                    long thawed = System.nanoTime();
                    if (i >= 0) {
                        freezes[i] = frozen - start;
                        thaws[i] = thawed - frozen;
                    }
                }
                Map<String, Object> figures = new LinkedHashMap<>();
                long[] all = java.util.stream.LongStream.concat(
                                java.util.Arrays.stream(freezes), java.util.Arrays.stream(thaws))
                        .toArray();
                BenchResult.percentiles(figures, "", all);
                BenchResult.percentiles(figures, "freeze", freezes);
                BenchResult.percentiles(figures, "thaw", thaws);
                return figures;
            }
        }
    },
    CHURN("churn", "Create and remove Tiny VMs with several clients at once (two by default)", 1000) {
        @Override
        Map<String, Object> measure(BenchTarget target, BenchPlan plan, Consumer<String> progress) throws IOException {
            int clients = plan.clients(2);
            churn(target, WARM_UP * clients, clients, plan.engine(), progress);
            int n = plan.count(usual);
            long[] times = new long[n];
            long start = System.nanoTime();
            timedChurn(target, times, clients, plan.engine(), progress);
            double seconds = (System.nanoTime() - start) / 1e9;
            Map<String, Object> figures = new LinkedHashMap<>();
            BenchResult.percentiles(figures, "", times);
            figures.put("perSecond", BenchResult.tenth(n / seconds));
            figures.put("clients", clients);
            return figures;
        }
    },
    DENSITY("density", "Memory of the machine for each live idle Tiny VM", 1000) {
        @Override
        Map<String, Object> measure(BenchTarget target, BenchPlan plan, Consumer<String> progress) throws IOException {
            return Density.measure(target, plan.count(usual), plan.engine(), progress);
        }
    },
    LEAK(
            "leak",
            "Create and destroy many, and count what stays: descriptors, threads, memory, cgroups, mounts",
            10_000) {
        @Override
        Map<String, Object> measure(BenchTarget target, BenchPlan plan, Consumer<String> progress) throws IOException {
            return Leak.measure(target, plan, usual, progress);
        }
    };

    static final int WARM_UP = 50;

    final int usual;
    private final String word;
    private final String summary;

    Benchmark(String word, String summary, int usual) {
        this.word = word;
        this.summary = summary;
        this.usual = usual;
    }

    /** Its name on the command line. */
    public String word() {
        return word;
    }

    /** What it measures, in a line. */
    public String summary() {
        return summary;
    }

    /**
     * Measures.
     *
     * @param progress told now and then what goes on
     * @throws IOException the manager refused or went away
     */
    public BenchResult run(BenchTarget target, BenchPlan plan, Consumer<String> progress) throws IOException {
        return new BenchResult(
                word, plan.count(usual), measure(target, plan, progress), Machine.line(), plan.command());
    }

    abstract Map<String, Object> measure(BenchTarget target, BenchPlan plan, Consumer<String> progress)
            throws IOException;

    /** Something to time. */
    interface Step {
        void run() throws IOException;
    }

    /** Something to time with a Tiny VM of its own. */
    interface VmStep {
        void run(Vms vms) throws IOException;
    }

    /** Each with nothing else going on: the Tiny VM of one is removed, untimed, before the next. */
    static Map<String, Object> oneAfterAnother(BenchTarget target, BenchPlan plan, int usual, VmStep step)
            throws IOException {
        int n = plan.count(usual);
        try (Wire wire = new Wire(target.url(), target.key());
                Vms vms = Vms.of(wire, plan.engine(), "1")) {
            long[] times = new long[n];
            for (int i = -WARM_UP; i < n; i++) {
                long start = System.nanoTime();
                step.run(vms);
                if (i >= 0) {
                    times[i] = System.nanoTime() - start;
                }
                vms.removeAll();
                rest(plan);
            }
            Map<String, Object> figures = new LinkedHashMap<>();
            BenchResult.percentiles(figures, "", times);
            return figures;
        }
    }

    private static void rest(BenchPlan plan) throws IOException {
        try {
            Thread.sleep(plan.pause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted between two rounds");
        }
    }

    static void churn(BenchTarget target, int n, int clients, String engine, Consumer<String> progress)
            throws IOException {
        timedChurn(target, new long[n], clients, engine, progress);
    }

    /** Creates and removes as many as there are places for times; each time is that of the create. */
    static void timedChurn(BenchTarget target, long[] times, int clients, String engine, Consumer<String> progress)
            throws IOException {
        AtomicInteger next = new AtomicInteger();
        List<Future<?>> running = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(clients)) {
            for (int c = 0; c < clients; c++) {
                running.add(threads.submit(() -> {
                    try (Wire wire = new Wire(target.url(), target.key());
                            Vms vms = Vms.of(wire, engine, "0.5")) {
                        for (int i = next.getAndIncrement(); i < times.length; i = next.getAndIncrement()) {
                            long start = System.nanoTime();
                            String id = vms.create();
                            times[i] = System.nanoTime() - start;
                            vms.remove(id);
                            if (i > 0 && i % 1000 == 0) {
                                progress.accept(i + " of " + times.length);
                            }
                        }
                    }
                    return null;
                }));
            }
            for (Future<?> one : running) {
                one.get();
            }
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            throw new IOException(cause == null ? e.getMessage() : cause.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    static void repeat(int n, Step step) throws IOException {
        for (int i = 0; i < n; i++) {
            step.run();
        }
    }

    static long[] times(int n, Step step) throws IOException {
        long[] times = new long[n];
        for (int i = 0; i < n; i++) {
            long start = System.nanoTime();
            step.run();
            times[i] = System.nanoTime() - start;
        }
        return times;
    }
}
