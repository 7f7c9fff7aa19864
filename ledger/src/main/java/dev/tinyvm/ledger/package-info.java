/** What every Tiny VM, agent and key has used and what that costs: one append-only record, its bill and its budgets. {@code docs/billing.md} says what it promises. */
@NullMarked
package dev.tinyvm.ledger;

import org.jspecify.annotations.NullMarked;
