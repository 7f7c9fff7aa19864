package dev.tinyvm.ledger;

import dev.tinyvm.spec.LedgerPrices;
import java.io.IOException;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Map;
import java.util.Set;

/**
 * A process that meters one machine and counts calls until somebody kills it. What happened in truth it tells through a file in memory, which a kill does not harm: {@link #CALLS}
 * calls were told to the ledger, {@link #BEGUN} were begun; the machine's counter {@link #CPU} goes on over all its managers.
 */
final class CrashingWriter {
    static final int CALLS = 0;
    static final int BEGUN = 8;
    static final int CPU = 16;
    /** Ring of {millis, calls} behind the header: how many calls had been told when. */
    static final int RING = 64;

    static final int RING_SLOTS = 4_096;
    static final int SIZE = RING + RING_SLOTS * 16;

    private CrashingWriter() {}

    /** @param arguments the ledger's file, the file that tells the truth */
    public static void main(String[] arguments) throws Exception {
        Account account = new Account("vm-1", "crashing", "crashing", Map.of(), "");
        MappedByteBuffer truth = map(Path.of(arguments[1]));
        try (Ledger ledger =
                Ledger.open(Path.of(arguments[0]), LedgerPrices.FREE, Duration.ofDays(2), LedgerTime.SYSTEM)) {
            MachineMeter meter = ledger.meter(account, 1, -1);
            ledger.settleLost(Set.of(), Map.of());
            long calls = truth.getLong(CALLS);
            System.out.println("ready");
            for (long round = 0; ; round++) {
                truth.putLong(BEGUN, calls + 1);
                ledger.llm(account, "m", new LlmUse(1, 0, 0, 1));
                calls++;
                truth.putLong(CALLS, calls);
                int slot = RING + (int) (calls % RING_SLOTS) * 16;
                truth.putLong(slot + 8, calls);
                truth.putLong(slot, System.currentTimeMillis());
                long cpu = truth.getLong(CPU) + 137;
                truth.putLong(CPU, cpu);
                if (round % 10 == 0) {
                    meter.sample(cpu, 1 << 20);
                    ledger.roundOver();
                }
                Thread.sleep(0, 500_000);
            }
        }
    }

    static MappedByteBuffer map(Path file) throws IOException {
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return channel.map(FileChannel.MapMode.READ_WRITE, 0, SIZE);
        }
    }
}
