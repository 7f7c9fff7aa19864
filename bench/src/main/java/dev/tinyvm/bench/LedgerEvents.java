package dev.tinyvm.bench;

import dev.tinyvm.ledger.Account;
import dev.tinyvm.ledger.BillQuery;
import dev.tinyvm.ledger.Ledger;
import dev.tinyvm.ledger.LedgerTime;
import dev.tinyvm.ledger.LlmUse;
import dev.tinyvm.ledger.MachineMeter;
import dev.tinyvm.ledger.Measure;
import dev.tinyvm.spec.LedgerPrices;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * What it costs to write down use: 5,000 events a second over 1,000 Tiny VMs, half of them LLM calls and half readings of machines with prices, evenly spread, each second one round of the meters. The figure is the CPU time
 * of this whole process, the driver and the garbage collector included, as a share of one core. Afterwards the bill is compared with what was told.
 */
public final class LedgerEvents {
    public static final String WORD = "ledger";
    public static final String SUMMARY = "CPU that 5,000 usage events a second cost";
    private static final int PER_SECOND = 5_000;
    private static final int VMS = 1_000;
    private static final int STEPS_PER_SECOND = 50;
    private static final int WARM_UP_SECONDS = 8;
    private static final int USUAL_SECONDS = 20;

    private final Ledger ledger;
    private final List<Account> accounts = new ArrayList<>();
    private final List<MachineMeter> meters = new ArrayList<>();
    private long events;
    private long calls;

    private LedgerEvents(Ledger ledger) {
        this.ledger = ledger;
        for (int i = 0; i < VMS; i++) {
            Account account = new Account("vm" + i, "agent-" + i, "agent" + i % 50, Map.of("team", "t" + i % 7), "key");
            accounts.add(account);
            meters.add(ledger.meter(account, 1, -1));
        }
    }

    /** @param plan its {@code n} is the number of events, 5,000 a second */
    public static BenchResult run(BenchPlan plan, Consumer<String> progress) throws IOException, InterruptedException {
        int seconds = Math.max(1, plan.count(USUAL_SECONDS * PER_SECOND) / PER_SECOND);
        Path directory = Files.createTempDirectory(Path.of("/var/tmp"), "tinyvm-ledger-");
        try {
            Map<String, Object> figures = new LinkedHashMap<>();
            Path file = directory.resolve("ledger.db");
            LedgerPrices prices = new LedgerPrices(
                    new BigDecimal("0.000014"),
                    new BigDecimal("0.0000045"),
                    BigDecimal.ZERO,
                    BigDecimal.ZERO,
                    BigDecimal.ZERO,
                    BigDecimal.ZERO,
                    BigDecimal.ZERO,
                    new BigDecimal("0.09"));
            try (Ledger ledger = Ledger.open(file, prices, Duration.ofDays(2), LedgerTime.SYSTEM)) {
                LedgerEvents bench = new LedgerEvents(ledger);
                progress.accept("warming up for " + WARM_UP_SECONDS + " s");
                bench.drive(WARM_UP_SECONDS);
                ledger.sync();
                progress.accept("measuring for " + seconds + " s");
                long before = bench.events;
                Duration cpuBefore = cpu();
                long start = System.nanoTime();
                bench.drive(seconds);
                ledger.sync();
                double took = (System.nanoTime() - start) / 1e9;
                double cpu = cpu().minus(cpuBefore).toNanos() / 1e9;
                figures.put("perSecond", BenchResult.tenth((bench.events - before) / took));
                figures.put("cpuPercentOfOneCore", Math.round(cpu / took * 10_000) / 100.0);
                figures.put("cpuMicrosEach", Math.round(cpu * 1e8 / (bench.events - before)) / 100.0);
                figures.put("vms", VMS);
                long billed =
                        ledger.bill(BillQuery.by(BillQuery.By.AGENT)).total().get(Measure.REQUESTS);
                if (billed != bench.calls) {
                    throw new IOException("the bill has " + billed + " calls of " + bench.calls);
                }
            }
            figures.put("bytesEach", Files.size(file) / (seconds + WARM_UP_SECONDS) / PER_SECOND);
            return new BenchResult(WORD, seconds * PER_SECOND, figures, Machine.line(), plan.command());
        } finally {
            try (Stream<Path> files = Files.walk(directory)) {
                for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
    }

    private void drive(int seconds) throws InterruptedException {
        long next = System.nanoTime();
        for (int step = 0; step < seconds * STEPS_PER_SECOND; step++) {
            for (int i = 0; i < PER_SECOND / STEPS_PER_SECOND; i++) {
                int vm = (int) (events / 2 * 7 % VMS);
                if (events++ % 2 == 0) {
                    ledger.llm(accounts.get(vm), "model-" + vm % 3, new LlmUse(900, 300, 80, 12_345));
                    calls++;
                } else {
                    meters.get(vm).sample(events * 11, 24L << 20);
                }
            }
            if (step % STEPS_PER_SECOND == 0) {
                ledger.roundOver();
            }
            next += 1_000_000_000L / STEPS_PER_SECOND;
            long left = next - System.nanoTime();
            if (left > 0) {
                Thread.sleep(Duration.ofNanos(left));
            }
        }
    }

    private static Duration cpu() {
        return ProcessHandle.current().info().totalCpuDuration().orElseThrow();
    }
}
