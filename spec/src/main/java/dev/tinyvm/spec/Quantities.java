package dev.tinyvm.spec;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * CPU, bytes and durations as people write them, exactly. Kubernetes' quantities
 * (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/), with reasons where one is refused: every method that
 * parses throws {@link IllegalArgumentException} with a message for a person.
 */
public final class Quantities {
    /** Most bytes that anything here may be: 64 Ti. Ten thousand replicas of it still add up within a long. */
    public static final long MAX_BYTES = 64L << 40;

    /** Longest duration: 366 days. */
    public static final Duration MAX_DURATION = Duration.ofDays(366);

    private static final int MAX_LENGTH = 32;
    private static final Pattern CPU = Pattern.compile("(\\d+(?:\\.\\d+)?|\\.\\d+)(m?)");
    private static final Pattern BYTES =
            Pattern.compile("(\\d+(?:\\.\\d+)?|\\.\\d+)(?:[eE]([+-]?\\d{1,2}))?([A-Za-z]*)");
    private static final Pattern DURATION_PART = Pattern.compile("(\\d+(?:\\.\\d+)?)(ms|s|m|h|d)");
    private static final List<String> DURATION_UNITS = List.of("d", "h", "m", "s", "ms");
    private static final Map<String, BigDecimal> BYTE_SUFFIXES = byteSuffixes();
    private static final Map<String, BigDecimal> UNIT_MILLIS = Map.of(
            "ms", BigDecimal.ONE,
            "s", BigDecimal.valueOf(1000),
            "m", BigDecimal.valueOf(60_000),
            "h", BigDecimal.valueOf(3_600_000),
            "d", BigDecimal.valueOf(86_400_000));

    private Quantities() {}

    /** {@code 0.5}, {@code 500m}, {@code 2} to thousandths of a core: a multiple of 100 from 100 to 1,024,000. */
    public static int parseCpuMillis(String text) {
        Matcher matcher = CPU.matcher(text);
        if (text.length() > MAX_LENGTH || !matcher.matches()) {
            throw new IllegalArgumentException(Problems.quote(text)
                    + " is not an amount of CPU; write cores (`0.5`, `2`) or thousandths (`500m`)");
        }
        BigDecimal millis = new BigDecimal(matcher.group(1));
        if (matcher.group(2).isEmpty()) {
            millis = millis.movePointRight(3);
        }
        BigDecimal step = BigDecimal.valueOf(Resources.CPU_STEP_MILLIS);
        if (millis.compareTo(BigDecimal.valueOf(Resources.MAX_CPU_MILLIS)) > 0) {
            throw new IllegalArgumentException(
                    Problems.quote(text) + " is too much CPU; allowed are 0.1 to 1024 cores");
        }
        if (millis.compareTo(BigDecimal.valueOf(Resources.MIN_CPU_MILLIS)) < 0
                || millis.remainder(step).signum() != 0) {
            long nearest = millis.divide(step, 0, RoundingMode.HALF_UP).longValueExact() * Resources.CPU_STEP_MILLIS;
            throw new IllegalArgumentException(Problems.quote(text)
                    + " is not a step of 0.1 CPU; a Tiny VM gets 0.1, 0.2, 0.3 … cores (`100m` = 0.1), the nearest is `"
                    + formatCpuMillis((int) Math.max(Resources.MIN_CPU_MILLIS, nearest)) + "`");
        }
        return millis.intValueExact();
    }

    /** Thousandths of a core as cores: {@code 0.5}, {@code 2}. */
    public static String formatCpuMillis(int cpuMillis) {
        return BigDecimal.valueOf(cpuMillis, 3).stripTrailingZeros().toPlainString();
    }

    /** {@code 64Mi}, {@code 1.5Gi}, {@code 100M}, {@code 1e6}, {@code 4096} to bytes; a whole number from 0 to {@link #MAX_BYTES}. */
    public static long parseBytes(String text) {
        Matcher matcher = BYTES.matcher(text);
        if (text.length() > MAX_LENGTH || !matcher.matches()) {
            throw new IllegalArgumentException(Problems.quote(text)
                    + " is not a number of bytes; write for example `64Mi`, `1.5Gi`, `100M` or plain bytes");
        }
        String suffix = matcher.group(3);
        BigDecimal factor = BYTE_SUFFIXES.get(suffix);
        boolean exponent = matcher.group(2) != null;
        if (factor == null || (exponent && !suffix.isEmpty())) {
            throw new IllegalArgumentException(
                    Problems.quote(text) + " is not a number of bytes; " + suffixHint(matcher, suffix));
        }
        BigDecimal bytes = new BigDecimal(matcher.group(1)).multiply(factor);
        if (exponent) {
            bytes = bytes.scaleByPowerOfTen(Integer.parseInt(matcher.group(2)));
        }
        if (bytes.compareTo(BigDecimal.valueOf(MAX_BYTES)) > 0) {
            throw new IllegalArgumentException(Problems.quote(text) + " is too much; at most 64Ti is allowed");
        }
        if (bytes.stripTrailingZeros().scale() > 0) {
            throw new IllegalArgumentException(
                    Problems.quote(text) + " is not a whole number of bytes; the nearest is `"
                            + bytes.setScale(0, RoundingMode.HALF_UP) + "`");
        }
        return bytes.longValueExact();
    }

    /** As {@link #parseBytes(String)}, within a range that the message names. */
    public static long parseBytes(String text, long min, long max) {
        long bytes = parseBytes(text);
        if (bytes < min || bytes > max) {
            throw new IllegalArgumentException(Problems.quote(text) + " is too " + (bytes < min ? "little" : "much")
                    + "; allowed are `" + formatBytes(min) + "` to `" + formatBytes(max) + "`");
        }
        return bytes;
    }

    /** With the largest binary suffix that divides it: {@code 64Mi}, {@code 1536}, {@code 0}. */
    public static String formatBytes(long bytes) {
        String[] suffixes = {"Ti", "Gi", "Mi", "Ki"};
        for (int i = 0; i < suffixes.length; i++) {
            long unit = 1L << (10 * (suffixes.length - i));
            if (bytes != 0 && bytes % unit == 0) {
                return bytes / unit + suffixes[i];
            }
        }
        return Long.toString(bytes);
    }

    /** {@code 1s}, {@code 500ms}, {@code 5m}, {@code 1h30m}, {@code 1.5h}, {@code 2d}: whole milliseconds, up to {@link #MAX_DURATION}. */
    public static Duration parseDuration(String text) {
        if (text.length() > MAX_LENGTH) {
            throw notADuration(text, "");
        }
        if (text.matches("\\d+(\\.\\d+)?")) {
            throw notADuration(text, " it has no unit, did you mean `" + text + "s`?");
        }
        BigDecimal millis = BigDecimal.ZERO;
        Matcher part = DURATION_PART.matcher(text);
        int at = 0;
        int lastUnit = -1;
        while (at < text.length()) {
            if (!part.find(at) || part.start() != at) {
                throw notADuration(text, "");
            }
            int unit = DURATION_UNITS.indexOf(part.group(2));
            if (unit <= lastUnit) {
                throw notADuration(text, " units go from the largest to the smallest, each once");
            }
            lastUnit = unit;
            millis = millis.add(new BigDecimal(part.group(1)).multiply(unitMillis(part.group(2))));
            at = part.end();
        }
        if (lastUnit < 0) {
            throw notADuration(text, "");
        }
        if (millis.compareTo(BigDecimal.valueOf(MAX_DURATION.toMillis())) > 0) {
            throw new IllegalArgumentException(Problems.quote(text) + " is too long; at most 366d is allowed");
        }
        if (millis.stripTrailingZeros().scale() > 0) {
            throw new IllegalArgumentException(
                    Problems.quote(text) + " is finer than a millisecond, which is the smallest step");
        }
        return Duration.ofMillis(millis.longValueExact());
    }

    /** As {@link #parseDuration(String)}, within a range that the message names. */
    public static Duration parseDuration(String text, Duration min, Duration max) {
        Duration duration = parseDuration(text);
        if (duration.compareTo(min) < 0 || duration.compareTo(max) > 0) {
            throw new IllegalArgumentException(
                    Problems.quote(text) + " is too " + (duration.compareTo(min) < 0 ? "short" : "long")
                            + "; allowed are `" + formatDuration(min) + "` to `" + formatDuration(max) + "`");
        }
        return duration;
    }

    /** {@code 1h30m}, {@code 500ms}, {@code 0s}. What is finer than a millisecond is refused, since no descriptor can say it. */
    public static String formatDuration(Duration duration) {
        if (duration.isNegative() || duration.toNanosPart() % 1_000_000 != 0) {
            throw new IllegalArgumentException(
                    "a descriptor cannot say the duration " + duration + "; it has milliseconds from 0 up");
        }
        List<String> parts = new ArrayList<>();
        append(parts, duration.toHours(), "h");
        append(parts, duration.toMinutesPart(), "m");
        append(parts, duration.toSecondsPart(), "s");
        append(parts, duration.toMillisPart(), "ms");
        return parts.isEmpty() ? "0s" : String.join("", parts);
    }

    private static void append(List<String> parts, long amount, String unit) {
        if (amount != 0) {
            parts.add(amount + unit);
        }
    }

    private static BigDecimal unitMillis(String unit) {
        BigDecimal millis = UNIT_MILLIS.get(unit);
        if (millis == null) {
            throw new IllegalStateException("unit " + unit);
        }
        return millis;
    }

    private static IllegalArgumentException notADuration(String text, String more) {
        return new IllegalArgumentException(Problems.quote(text) + " is not a duration;"
                + (more.isEmpty() ? "" : more + ";") + " write for example `500ms`, `10s`, `5m` or `1h30m`");
    }

    private static String suffixHint(Matcher matcher, String suffix) {
        if (suffix.equals("m")) {
            return "`m` means thousandths, did you mean `" + matcher.group(1) + "Mi`?";
        }
        if (BYTE_SUFFIXES.containsKey(suffix)) {
            return "an exponent and a suffix do not go together";
        }
        String allowed = "allowed are Ki, Mi, Gi, Ti (powers of 1024), k, M, G, T (powers of 1000) and nothing (bytes)";
        if (suffix.isEmpty()) {
            return allowed;
        }
        String bare = suffix.replaceAll("(?i)i?b?(ytes?)?$", "");
        String letter = bare.length() == 1 ? bare.toUpperCase(java.util.Locale.ROOT) : "";
        String nearest = "KMGT".contains(letter) && !letter.isEmpty() ? letter + "i" : "";
        return allowed + (nearest.isEmpty() ? "" : "; did you mean `" + matcher.group(1) + nearest + "`?");
    }

    private static Map<String, BigDecimal> byteSuffixes() {
        return Map.ofEntries(
                Map.entry("", BigDecimal.ONE),
                Map.entry("k", BigDecimal.valueOf(1_000L)),
                Map.entry("M", BigDecimal.valueOf(1_000_000L)),
                Map.entry("G", BigDecimal.valueOf(1_000_000_000L)),
                Map.entry("T", BigDecimal.valueOf(1_000_000_000_000L)),
                Map.entry("Ki", BigDecimal.valueOf(1L << 10)),
                Map.entry("Mi", BigDecimal.valueOf(1L << 20)),
                Map.entry("Gi", BigDecimal.valueOf(1L << 30)),
                Map.entry("Ti", BigDecimal.valueOf(1L << 40)));
    }
}
