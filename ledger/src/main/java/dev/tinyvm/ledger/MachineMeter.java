package dev.tinyvm.ledger;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The meter of one machine. Time is counted by its mode; CPU by the machine's own counter, from where it was left, whoever left it. Thread-safe and quick: nothing here waits
 * for the disk.
 */
public final class MachineMeter {
    private static final Logger LOG = LoggerFactory.getLogger(MachineMeter.class);
    private static final long NANOS_PER_MILLI = 1_000_000;
    private static final long KIB = 1_024;

    /** What its wall time counts as. */
    public enum Mode {
        /** It may run. */
        ACTIVE(0),
        /** Frozen on LLM calls. */
        WAITING(1),
        /** Paused by its user or its deadline. */
        PAUSED(2);

        private final int index;

        Mode(int index) {
            this.index = index;
        }

        /** In the database, and among the measures of its kind. */
        int index() {
            return index;
        }
    }

    private final Ledger ledger;
    private final Entry entry;
    /** Where the position is on the clock that nobody sets. */
    private long atNanos;

    private boolean closed;

    MachineMeter(Ledger ledger, Entry entry, long atNanos) {
        this.ledger = ledger;
        this.entry = entry;
        this.atNanos = atNanos;
    }

    /**
     * A reading: bills what came since the last one.
     *
     * @param cpuMicros the machine's counter
     * @param memoryBytes held now
     * @return CPU time since the last reading, in microseconds
     */
    public long sample(long cpuMicros, long memoryBytes) {
        return ledger.locked(() -> {
            if (closed) {
                return 0L;
            }
            long before = position().cpuMicros();
            advance(cpuMicros, memoryBytes);
            return Math.max(0, cpuMicros - before);
        });
    }

    /**
     * A reading of its routed interface: bills what was sent since the last one, whoever made that. A counter that is lower than it was belongs to a new interface.
     *
     * @param bytesOut the interface's counter
     */
    public void routed(long bytesOut) {
        ledger.locked(() -> {
            if (!closed) {
                long before = position().routedBytes();
                long sent = bytesOut >= before ? bytesOut - before : bytesOut;
                if (sent > 0) {
                    ledger.addEgress(entry, sent);
                }
                if (bytesOut != before) {
                    entry.position(position().withRouted(bytesOut));
                }
            }
            return true;
        });
    }

    /** The counter of its routed interface begins at 0 from here. */
    public void routedAnew() {
        ledger.locked(() -> {
            if (!closed && position().routedBytes() != 0) {
                entry.position(position().withRouted(0));
            }
            return true;
        });
    }

    /** From now on its time counts as this. */
    public void mode(Mode mode) {
        ledger.locked(() -> {
            if (!closed && position().mode() != mode) {
                advance(-1, -1);
                Position p = position();
                entry.position(new Position(
                        p.generation(), mode, p.atMillis(), p.cpuMicros(), p.memoryBytes(), p.routedBytes()));
            }
            return true;
        });
    }

    /** The mode it is in. */
    public Mode mode() {
        return ledger.locked(() -> position().mode());
    }

    /** The machine is gone and its counters could not be read. */
    public void close() {
        close(-1, -1);
    }

    /**
     * The machine is gone.
     *
     * @param cpuMicros its last counter
     * @param memoryBytes of the last reading; used when it lived too short for any other
     */
    public void close(long cpuMicros, long memoryBytes) {
        ledger.locked(() -> {
            if (!closed) {
                advance(cpuMicros, position().memoryBytes() < 0 ? memoryBytes : -1);
                closed = true;
                entry.position(null);
                ledger.meterClosed(this);
            }
            return true;
        });
    }

    /** Bills the time up to now without a reading. With the lock. */
    void touch() {
        if (!closed) {
            advance(-1, -1);
        }
    }

    /** With the lock. @param cpuMicros −1: not read @param memoryBytes −1: not read */
    private void advance(long cpuMicros, long memoryBytes) {
        Position p = position();
        long millis = Math.max(0, (ledger.time().nanos() - atNanos) / NANOS_PER_MILLI);
        atNanos += millis * NANOS_PER_MILLI;
        long cpu = cpuMicros < 0 ? 0 : cpuMicros - p.cpuMicros();
        if (cpu < 0) {
            LOG.warn(
                    "the CPU counter of machine {} of {} went back from {} to {} µs; it is billed from there on",
                    p.generation(),
                    entry.account().vmName(),
                    p.cpuMicros(),
                    cpuMicros);
            cpu = 0;
        }
        long memory = memoryBytes < 0
                ? Math.max(0, p.memoryBytes())
                : p.memoryBytes() < 0 ? memoryBytes : (memoryBytes + p.memoryBytes()) / 2;
        long now = ledger.time().wallMillis();
        bill(p.mode(), now, millis, cpu, memory);
        entry.position(new Position(
                p.generation(),
                p.mode(),
                now,
                cpuMicros < 0 ? p.cpuMicros() : cpuMicros,
                memoryBytes < 0 ? p.memoryBytes() : memoryBytes,
                p.routedBytes()));
    }

    /** With the lock. Time that passed while no manager was there, by the clock that people set: the other one starts anew with each process. */
    void catchUp(long fromMillis, long toMillis) {
        Position p = position();
        bill(p.mode(), toMillis, Math.max(0, toMillis - fromMillis), 0, Math.max(0, p.memoryBytes()));
        entry.position(
                new Position(p.generation(), p.mode(), toMillis, p.cpuMicros(), p.memoryBytes(), p.routedBytes()));
    }

    private void bill(Mode mode, long toMillis, long millis, long cpuMicros, long memoryBytes) {
        if (millis == 0 && cpuMicros == 0) {
            return;
        }
        Amounts amounts = amounts(ledger.prices(), entry, mode, millis, cpuMicros, memoryBytes);
        ledger.add(entry, "", toMillis - Math.max(1, millis), toMillis, amounts);
    }

    static Amounts amounts(PriceBook prices, Entry entry, Mode mode, long millis, long cpuMicros, long memoryBytes) {
        long kibMillis = memoryBytes / KIB * millis;
        long[] values = new long[Measure.COUNT];
        values[Measure.CPU_MICROS.index()] = cpuMicros;
        values[Measure.ACTIVE_MILLIS.index() + mode.index()] = millis;
        values[Measure.ACTIVE_KIB_SECONDS.index() + mode.index()] = entry.kibSeconds(mode, kibMillis);
        values[Measure.COMPUTE_NANO_USD.index()] =
                entry.wholeCompute(prices.compute(mode, cpuMicros, millis, kibMillis));
        return Amounts.ofOwned(values);
    }

    private Position position() {
        Position position = entry.position();
        if (position == null) {
            throw new IllegalStateException("the meter of " + entry.account().vm() + " is closed");
        }
        return position;
    }

    Entry entry() {
        return entry;
    }
}
