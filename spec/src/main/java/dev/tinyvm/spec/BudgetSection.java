package dev.tinyvm.spec;

/** Reads {@code spec.budget}. */
final class BudgetSection {
    static final Keys KEYS = Keys.of("usd");

    private BudgetSection() {}

    static Budget read(Section section) {
        return new Budget(LlmSection.nanoUsd(section));
    }
}
