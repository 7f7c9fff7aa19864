package dev.tinyvm.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.spec.LedgerPrices;
import java.nio.MappedByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code kill -9} of a real process that writes, at random moments, again and again over the same ledger. */
class CrashTest {
    private static final int ROUNDS = 8;

    @TempDir
    Path data;

    @Test
    void killedAtAnyMomentAtMostTheLastSecondIsLostAndNothingIsCountedTwice() throws Exception {
        Path file = data.resolve("ledger.db");
        MappedByteBuffer truth = CrashingWriter.map(data.resolve("truth"));
        long seed = System.nanoTime();
        Random random = new Random(seed);
        long mayBeLost = 0;
        long longMayBeLost = 0;
        long kept = 0;
        for (int round = 0; round < ROUNDS; round++) {
            Process writer = start(file);
            assertThat(writer.inputReader().readLine()).isEqualTo("ready");
            Thread.sleep(200 + random.nextInt(1_200)); // any moment will do: what happens is compared, not timed
            writer.destroyForcibly();
            writer.waitFor();
            long killedAt = lastMoment(truth);
            long told = truth.getLong(CrashingWriter.CALLS);
            mayBeLost += told - toldBefore(truth, CrashingWriter.RING, killedAt - 1_000);
            kept = requests(file, "m");
            long longCalls = truth.getLong(CrashingWriter.LONG_CALLS);
            longMayBeLost += longCalls - toldBefore(truth, CrashingWriter.LONG_RING, killedAt - 1_000);
            assertThat(requests(file, "long"))
                    .as("round %d of seed %d: calls that were under way count once, too", round, seed)
                    .isLessThanOrEqualTo(longCalls)
                    .isGreaterThanOrEqualTo(longCalls - longMayBeLost);
            assertThat(kept)
                    .as("round %d of seed %d", round, seed)
                    .isLessThanOrEqualTo(truth.getLong(CrashingWriter.BEGUN))
                    .isGreaterThanOrEqualTo(told - mayBeLost);
            assertThat(cpuMicros(file)).isLessThanOrEqualTo(truth.getLong(CrashingWriter.CPU));
        }
        assertThat(kept).isPositive();
        long cpu = truth.getLong(CrashingWriter.CPU);
        try (Ledger ledger = open(file)) {
            MachineMeter meter = ledger.meter(new Account("vm-1", "crashing", "crashing", Map.of(), ""), 1, -1);
            meter.sample(cpu, 1 << 20);
        }
        assertThat(cpuMicros(file))
                .as("the machine lived through all managers: to the last microsecond")
                .isEqualTo(cpu);
    }

    private static Process start(Path file) throws Exception {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx64m",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        CrashingWriter.class.getName(),
                        file.toString(),
                        file.resolveSibling("truth").toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    /** When the process did its last work. */
    private static long lastMoment(MappedByteBuffer truth) {
        long last = 0;
        for (int i = 0; i < CrashingWriter.RING_SLOTS; i++) {
            last = Math.max(last, truth.getLong(CrashingWriter.RING + i * 16));
        }
        return last;
    }

    private static long toldBefore(MappedByteBuffer truth, int ring, long millis) {
        long told = 0;
        for (int i = 0; i < CrashingWriter.RING_SLOTS; i++) {
            if (truth.getLong(ring + i * 16) <= millis) {
                told = Math.max(told, truth.getLong(ring + i * 16 + 8));
            }
        }
        return told;
    }

    private static long requests(Path file, String model) {
        try (Ledger ledger = open(file)) {
            return ledger.bill(BillQuery.by(BillQuery.By.MODEL)).lines().stream()
                    .filter(line -> line.name().equals(model))
                    .mapToLong(line -> line.amounts().get(Measure.REQUESTS))
                    .sum();
        }
    }

    private static long cpuMicros(Path file) {
        try (Ledger ledger = open(file)) {
            return ledger.bill(BillQuery.by(BillQuery.By.VM)).total().get(Measure.CPU_MICROS);
        }
    }

    private static Ledger open(Path file) {
        return Ledger.open(file, LedgerPrices.FREE, Duration.ofDays(2), LedgerTime.SYSTEM);
    }
}
