package dev.tinyvm.ledger;

import dev.tinyvm.spec.LedgerPrices;
import java.math.BigDecimal;
import java.math.MathContext;

/**
 * Prices as factors: billionths of a dollar for one unit as it is counted. Exact decimal numbers; what is less than a billionth is carried to the next use, so many small
 * uses cost what one large one costs.
 */
final class PriceBook {
    private static final BigDecimal NANO = BigDecimal.valueOf(1_000_000_000L);
    private static final BigDecimal MICROS_PER_SECOND = BigDecimal.valueOf(1_000_000L);
    private static final BigDecimal MILLIS_PER_SECOND = BigDecimal.valueOf(1_000L);
    private static final BigDecimal KIB_MILLIS_PER_GIB_SECOND = BigDecimal.valueOf((1L << 20) * 1_000L);
    private static final BigDecimal BYTES_PER_GB = BigDecimal.valueOf(1_000_000_000L);

    private final BigDecimal cpuMicro;
    private final BigDecimal egressByte;
    private final BigDecimal[] milli;
    private final BigDecimal[] kibMilli;
    private final boolean freeCompute;

    PriceBook(LedgerPrices prices) {
        cpuMicro = factor(prices.cpuSecond(), MICROS_PER_SECOND);
        egressByte = factor(prices.egressGb(), BYTES_PER_GB);
        milli = new BigDecimal[] {
            factor(prices.activeSecond(), MILLIS_PER_SECOND),
            factor(prices.waitingSecond(), MILLIS_PER_SECOND),
            factor(prices.pausedSecond(), MILLIS_PER_SECOND)
        };
        kibMilli = new BigDecimal[] {
            factor(prices.memoryGibSecond(), KIB_MILLIS_PER_GIB_SECOND),
            factor(prices.waitingMemoryGibSecond(), KIB_MILLIS_PER_GIB_SECOND),
            factor(prices.pausedMemoryGibSecond(), KIB_MILLIS_PER_GIB_SECOND)
        };
        freeCompute = cpuMicro.signum() == 0
                && java.util.Arrays.stream(milli).allMatch(p -> p.signum() == 0)
                && java.util.Arrays.stream(kibMilli).allMatch(p -> p.signum() == 0);
    }

    /** In billionths of a dollar, not rounded. @param mode in which the time was spent */
    BigDecimal compute(MachineMeter.Mode mode, long cpuMicros, long millis, long kibMillis) {
        if (freeCompute) {
            return BigDecimal.ZERO;
        }
        return cpuMicro.multiply(BigDecimal.valueOf(cpuMicros))
                .add(milli[mode.index()].multiply(BigDecimal.valueOf(millis)))
                .add(kibMilli[mode.index()].multiply(BigDecimal.valueOf(kibMillis)));
    }

    /** In billionths of a dollar, not rounded. */
    BigDecimal egress(long bytes) {
        return egressByte.multiply(BigDecimal.valueOf(bytes));
    }

    private static BigDecimal factor(BigDecimal dollars, BigDecimal units) {
        return dollars.multiply(NANO).divide(units, MathContext.DECIMAL64).stripTrailingZeros();
    }
}
