package dev.tinyvm.ledger;

/**
 * Two clocks. Lengths come from the one that nobody sets, so a step of the host's time (or a suspended laptop) is not billed; dates from the other.
 */
public interface LedgerTime {
    LedgerTime SYSTEM = new LedgerTime() {
        @Override
        public long wallMillis() {
            return System.currentTimeMillis();
        }

        @Override
        public long nanos() {
            return System.nanoTime();
        }
    };

    /** Milliseconds since 1970. */
    long wallMillis();

    /** Of a clock that only goes forward, from an arbitrary start. */
    long nanos();
}
