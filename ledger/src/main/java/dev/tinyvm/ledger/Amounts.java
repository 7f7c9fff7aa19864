package dev.tinyvm.ledger;

import java.math.BigInteger;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** One whole number for each {@link Measure}. Immutable. */
public final class Amounts {
    /** Nothing. */
    public static final Amounts NONE = new Amounts(new long[Measure.COUNT]);

    private final long[] values;

    private Amounts(long[] values) {
        this.values = values;
    }

    /** In the order of {@link Measure}; the array is the caller's no more. */
    static Amounts ofOwned(long[] values) {
        if (values.length != Measure.COUNT) {
            throw new IllegalArgumentException(values.length + " values for " + Measure.COUNT + " measures");
        }
        return new Amounts(values);
    }

    /** The same, with one measure changed. */
    public Amounts with(Measure measure, long value) {
        long[] changed = values.clone();
        changed[measure.index()] = value;
        return new Amounts(changed);
    }

    public long get(Measure measure) {
        return values[measure.index()];
    }

    /** All money, in billionths of a dollar. */
    public long nanoUsd() {
        return Math.addExact(
                Math.addExact(get(Measure.COMPUTE_NANO_USD), get(Measure.EGRESS_NANO_USD)), get(Measure.LLM_NANO_USD));
    }

    /** The sum. @throws ArithmeticException beyond 2^63 */
    public Amounts plus(Amounts other) {
        long[] sum = new long[Measure.COUNT];
        for (int i = 0; i < sum.length; i++) {
            sum[i] = Math.addExact(values[i], other.values[i]);
        }
        return new Amounts(sum);
    }

    public boolean isNone() {
        for (long value : values) {
            if (value != 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * What falls between two points of a span over which this is spread evenly. Parts of adjacent pieces add up to the whole exactly.
     *
     * @param begin from the span's start, 0 to {@code length}
     * @param end from the span's start, {@code begin} to {@code length}
     */
    Amounts part(long begin, long end, long length) {
        if (begin == 0 && end == length) {
            return this;
        }
        long[] part = new long[Measure.COUNT];
        for (int i = 0; i < part.length; i++) {
            part[i] = upTo(values[i], end, length) - upTo(values[i], begin, length);
        }
        return new Amounts(part);
    }

    private static long upTo(long value, long point, long length) {
        if (value == 0 || point == 0) {
            return 0;
        }
        return BigInteger.valueOf(value)
                .multiply(BigInteger.valueOf(point))
                .divide(BigInteger.valueOf(length))
                .longValueExact();
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Amounts amounts && Arrays.equals(values, amounts.values);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(values);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("{");
        for (Measure measure : Measure.values()) {
            if (get(measure) != 0) {
                text.append(text.length() > 1 ? ", " : "")
                        .append(measure.word())
                        .append('=')
                        .append(get(measure));
            }
        }
        return text.append('}').toString();
    }
}
