package dev.tinyvm.spec;

import java.math.BigDecimal;

/**
 * The price book of the ledger, in US dollars. What stands at zero is counted all the same and costs nothing.
 *
 * @param cpuSecond a second of CPU time used
 * @param memoryGibSecond a GiB held for a second while active
 * @param activeSecond a second of wall time while active
 * @param waitingSecond a second of wall time frozen on an LLM call
 * @param waitingMemoryGibSecond a GiB held for a second meanwhile
 * @param pausedSecond a second of wall time paused
 * @param pausedMemoryGibSecond a GiB held for a second meanwhile
 * @param egressGb 10^9 bytes sent out of the host
 */
public record LedgerPrices(
        BigDecimal cpuSecond,
        BigDecimal memoryGibSecond,
        BigDecimal activeSecond,
        BigDecimal waitingSecond,
        BigDecimal waitingMemoryGibSecond,
        BigDecimal pausedSecond,
        BigDecimal pausedMemoryGibSecond,
        BigDecimal egressGb) {
    /** Counts and charges nothing. */
    public static final LedgerPrices FREE = new LedgerPrices(
            BigDecimal.ZERO,
            BigDecimal.ZERO,
            BigDecimal.ZERO,
            BigDecimal.ZERO,
            BigDecimal.ZERO,
            BigDecimal.ZERO,
            BigDecimal.ZERO,
            BigDecimal.ZERO);

    /** The highest price of one unit, in dollars. */
    public static final BigDecimal MAX = BigDecimal.valueOf(1_000_000);
}
