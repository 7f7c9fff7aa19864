package dev.tinyvm.bench;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a benchmark found.
 *
 * @param bench its name
 * @param n how many were measured
 * @param figures name to number, those that apply, in the order of printing: {@code p50Millis}, {@code p90Millis}, {@code p99Millis}, {@code perSecond}, {@code bytesEach}, and what one benchmark has alone
 * @param machine the machine in a line
 * @param command what gives the same again
 */
public record BenchResult(String bench, int n, Map<String, Object> figures, String machine, String command) {
    /** What a benchmark of another room found on this machine. */
    public static BenchResult of(String bench, int n, Map<String, Object> figures, String command)
            throws java.io.IOException {
        return new BenchResult(bench, n, figures, Machine.line(), command);
    }

    /** As one object: the figures stand beside the rest. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("bench", bench);
        map.put("n", n);
        map.putAll(figures);
        map.put("machine", machine);
        map.put("command", command);
        return map;
    }

    /** p50, p90 and p99 of times in nanoseconds as milliseconds, with the given prefix: {@code ""} or a word such as {@code freeze}. */
    static void percentiles(Map<String, Object> into, String prefix, long[] nanos) {
        long[] sorted = nanos.clone();
        Arrays.sort(sorted);
        for (int p : new int[] {50, 90, 99}) {
            String name = "p" + p + "Millis";
            into.put(
                    prefix.isEmpty() ? name : prefix + Character.toUpperCase(name.charAt(0)) + name.substring(1),
                    millis(percentile(sorted, p)));
        }
    }

    /** The smallest value that at least so many percent are not above (nearest rank). */
    static long percentile(long[] sorted, int percent) {
        int rank = (int) Math.ceil(percent / 100.0 * sorted.length);
        return sorted[Math.max(0, Math.min(sorted.length - 1, rank - 1))];
    }

    /** Milliseconds with three decimals. */
    static double millis(long nanos) {
        return Math.round(nanos / 1000.0) / 1000.0;
    }

    /** With one decimal. */
    static double tenth(double value) {
        return Math.round(value * 10) / 10.0;
    }
}
