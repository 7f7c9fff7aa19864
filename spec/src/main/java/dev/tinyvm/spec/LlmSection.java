package dev.tinyvm.spec;

import java.math.BigDecimal;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/** Reads {@code spec.llm}. */
final class LlmSection {
    static final Keys KEYS = Keys.of("models", "budget", "requestsPerMinute", "tokensPerMinute");

    private static final Keys BUDGET = Keys.of("usd", "tokens", "requests");
    private static final Pattern MODEL = Pattern.compile("[A-Za-z0-9*][A-Za-z0-9*._:/@+-]{0,127}");
    private static final BigDecimal NANOS = BigDecimal.valueOf(1_000_000_000L);

    private LlmSection() {}

    static Llm read(Section section) {
        List<String> models = section.has("models") ? section.texts("models", Limits.MAX_MODELS) : List.of("*");
        for (String model : models) {
            if (!MODEL.matcher(model).matches()) {
                section.problem(
                        "models",
                        "has " + Problems.quote(model)
                                + "; a model is 1 to 128 letters, digits and . _ : / @ + -, with * for any text, such as `gpt-*`");
            }
        }
        return new Llm(
                models,
                section.section("budget", BUDGET).map(LlmSection::budget).orElse(Llm.Budget.NONE),
                section.count("requestsPerMinute"),
                section.count("tokensPerMinute"));
    }

    private static Llm.Budget budget(Section section) {
        return new Llm.Budget(nanoUsd(section), section.count("tokens"), section.count("requests"));
    }

    static OptionalLong nanoUsd(Section section) {
        Value value = section.value("usd");
        if (value == null) {
            return OptionalLong.empty();
        }
        String expected = "expected dollars such as `1.00`, from 0 to 1000000, with at most 9 decimals";
        if (value instanceof Value.Scalar scalar && scalar.text().matches("\\d{1,7}(\\.\\d{1,9})?")) {
            long nanos = new BigDecimal(scalar.text()).multiply(NANOS).longValueExact();
            if (nanos <= Limits.MAX_BUDGET_NANO_USD) {
                return OptionalLong.of(nanos);
            }
        }
        section.problem("usd", "is " + Section.shown(value) + "; " + expected);
        return OptionalLong.empty();
    }

    /** Dollars in their shortest exact form, as {@link #read} takes them. */
    static String usd(long nanoUsd) {
        BigDecimal exact = BigDecimal.valueOf(nanoUsd, 9).stripTrailingZeros();
        return (exact.scale() < 0 ? exact.setScale(0) : exact).toPlainString();
    }
}
