package dev.tinyvm.cli.text;

import java.time.Duration;
import java.util.Locale;

/** Quantities as people read them. */
public final class Quantity {
    private static final String[] BINARY = {"", "Ki", "Mi", "Gi", "Ti", "Pi"};

    private Quantity() {}

    /** Such as {@code 64Mi}, {@code 1.5Gi}, {@code 812}; at most one decimal. */
    public static String bytes(long bytes) {
        double value = bytes;
        int unit = 0;
        while (Math.abs(value) >= 1024 && unit < BINARY.length - 1) {
            value /= 1024;
            unit++;
        }
        String number = String.format(Locale.ROOT, value >= 100 ? "%.0f" : "%.1f", value);
        return (number.endsWith(".0") ? number.substring(0, number.length() - 2) : number) + BINARY[unit];
    }

    /** Cores, such as {@code 0.5} or {@code 2}. */
    public static String cores(int millis) {
        return millis % 1000 == 0
                ? Integer.toString(millis / 1000)
                : String.format(Locale.ROOT, "%.1f", millis / 1000.0);
    }

    /** With the two largest units: {@code 12s}, {@code 3m5s}, {@code 2h10m}, {@code 4d3h}. Less than a second is {@code 0s}. */
    public static String duration(Duration duration) {
        long seconds = Math.max(0, duration.toSeconds());
        if (seconds < 60) {
            return seconds + "s";
        }
        if (seconds < 3600) {
            return two(seconds / 60, "m", seconds % 60, "s");
        }
        if (seconds < 86_400) {
            return two(seconds / 3600, "h", seconds % 3600 / 60, "m");
        }
        return two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h");
    }

    private static String two(long large, String largeUnit, long small, String smallUnit) {
        return large + largeUnit + (small == 0 ? "" : small + smallUnit);
    }
}
