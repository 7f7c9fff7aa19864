package dev.tinyvm.ledger;

/**
 * A line of the record: what one account used within a span of time, which lies in one hour.
 *
 * @param model of LLM calls, as the provider calls it; empty for what a machine used
 * @param toMillis behind the last millisecond
 */
record UsageRow(long account, String model, long fromMillis, long toMillis, Amounts amounts) {
    static final long HOUR_MILLIS = 3_600_000;

    /** A bill's day and the merging of old lines need this: no line crosses an hour of UTC. */
    static long hour(long millis) {
        return Math.floorDiv(millis, HOUR_MILLIS);
    }
}
