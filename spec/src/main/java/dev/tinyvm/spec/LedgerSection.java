package dev.tinyvm.spec;

import java.math.BigDecimal;

/** Reads {@code ledger} of the manager's configuration. */
final class LedgerSection {
    static final Keys KEYS = Keys.of("prices", "linesKept");

    private static final Keys PRICES = Keys.of(
            "cpuSecond",
            "memoryGibSecond",
            "activeSecond",
            "waitingSecond",
            "waitingMemoryGibSecond",
            "pausedSecond",
            "pausedMemoryGibSecond",
            "egressGb");

    private LedgerSection() {}

    static ManagerConfig.Ledger read(Section section) {
        return new ManagerConfig.Ledger(
                section.section("prices", PRICES).map(LedgerSection::prices).orElse(LedgerPrices.FREE),
                section.duration(
                        "linesKept",
                        Limits.MIN_LINES_KEPT,
                        Limits.MAX_LINES_KEPT,
                        ManagerConfig.Ledger.DEFAULT.linesKept()));
    }

    private static LedgerPrices prices(Section section) {
        return new LedgerPrices(
                price(section, "cpuSecond"),
                price(section, "memoryGibSecond"),
                price(section, "activeSecond"),
                price(section, "waitingSecond"),
                price(section, "waitingMemoryGibSecond"),
                price(section, "pausedSecond"),
                price(section, "pausedMemoryGibSecond"),
                price(section, "egressGb"));
    }

    private static BigDecimal price(Section section, String key) {
        Value value = section.value(key);
        if (value == null) {
            return BigDecimal.ZERO;
        }
        if (value instanceof Value.Scalar scalar && scalar.text().matches("\\d{1,7}(\\.\\d{1,12})?")) {
            BigDecimal price = new BigDecimal(scalar.text());
            if (price.compareTo(LedgerPrices.MAX) <= 0) {
                return price;
            }
        }
        section.problem(
                key,
                "is " + Section.shown(value)
                        + "; expected dollars for one unit such as `0.000014`, from 0 to 1000000, with at most 12 decimals and no exponent");
        return BigDecimal.ZERO;
    }
}
