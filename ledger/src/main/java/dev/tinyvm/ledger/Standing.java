package dev.tinyvm.ledger;

/** What one scope (a Tiny VM, an agent, a key) has used so far, and its budget. Guarded by the ledger's lock. */
final class Standing {
    static final long NO_BUDGET = Long.MAX_VALUE;

    private final String scope;
    private long requests;
    private long tokens;
    private long llmNanoUsd;
    private long nanoUsd;
    private long budgetNanoUsd = NO_BUDGET;
    private boolean told;

    Standing(String scope) {
        this.scope = scope;
    }

    String scope() {
        return scope;
    }

    /** @return whether this is what used the budget up */
    boolean add(Amounts amounts) {
        requests += amounts.get(Measure.REQUESTS);
        tokens += amounts.get(Measure.INPUT_TOKENS) + amounts.get(Measure.OUTPUT_TOKENS);
        llmNanoUsd += amounts.get(Measure.LLM_NANO_USD);
        nanoUsd += amounts.nanoUsd();
        return crossed();
    }

    void load(Spent spent) {
        requests += spent.requests();
        tokens += spent.tokens();
        llmNanoUsd += spent.llmNanoUsd();
        nanoUsd += spent.nanoUsd();
    }

    void reset() {
        requests = 0;
        tokens = 0;
        llmNanoUsd = 0;
        nanoUsd = 0;
        budgetNanoUsd = NO_BUDGET;
        told = false;
    }

    /** @return whether it is used up already, and that has not been told */
    boolean budget(long limit) {
        budgetNanoUsd = limit;
        told = false;
        return crossed();
    }

    boolean usedUp() {
        return nanoUsd >= budgetNanoUsd;
    }

    long budgetNanoUsd() {
        return budgetNanoUsd;
    }

    Spent spent() {
        return new Spent(requests, tokens, llmNanoUsd, nanoUsd);
    }

    private boolean crossed() {
        if (told || !usedUp()) {
            return false;
        }
        told = true;
        return true;
    }
}
