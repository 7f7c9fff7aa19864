package dev.tinyvm.ledger;

/** A budget that is used up, for who must hear of it. In billionths of a dollar. */
record UsedUp(String scope, long spent, long budget) {
    static UsedUp of(Standing standing) {
        return new UsedUp(standing.scope(), standing.spent().nanoUsd(), standing.budgetNanoUsd());
    }
}
