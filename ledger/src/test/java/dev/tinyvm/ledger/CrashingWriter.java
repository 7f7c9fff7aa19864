package dev.tinyvm.ledger;

import dev.tinyvm.spec.LedgerPrices;
import java.io.IOException;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayDeque;
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
    /** Calls that take long and were begun. */
    static final int LONG_CALLS = 24;
    /** The like of {@link #RING} for them. */
    static final int LONG_RING = RING + RING_SLOTS * 16;

    static final int SIZE = LONG_RING + RING_SLOTS * 16;
    /** As many rounds of ten are longer than the ledger takes to write. */
    private static final int UNDER_WAY = 200;

    private static final ArrayDeque<LlmCall> open = new ArrayDeque<>();

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
                    open(ledger, account, truth);
                    meter.sample(cpu, 1 << 20);
                    ledger.roundOver();
                }
                Thread.sleep(0, 500_000);
            }
        }
    }

    /** Begins a call that takes {@link #UNDER_WAY} rounds, and ends the one that has taken them. Ended or not, each counts once. */
    private static void open(Ledger ledger, Account account, MappedByteBuffer truth) {
        if (open.size() == UNDER_WAY) {
            open.removeFirst().ended(new LlmUse(1, 0, 10, 1));
        }
        open.forEach(call -> call.progress(new LlmUse(1, 0, 5, 1)));
        truth.putLong(LONG_CALLS, truth.getLong(LONG_CALLS) + 1);
        open.addLast(ledger.begin(account, "long", new LlmUse(1, 0, 0, 1)));
        int slot = (int) (truth.getLong(LONG_CALLS) % RING_SLOTS) * 16;
        truth.putLong(LONG_RING + slot + 8, truth.getLong(LONG_CALLS));
        truth.putLong(LONG_RING + slot, System.currentTimeMillis());
    }

    static MappedByteBuffer map(Path file) throws IOException {
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return channel.map(FileChannel.MapMode.READ_WRITE, 0, SIZE);
        }
    }
}
