package dev.tinyvm.ledger;

import java.time.Instant;

/**
 * One line of the record.
 *
 * @param number rises from line to line
 * @param model of LLM calls; empty for what a machine used
 * @param from start of the span within which it was used
 * @param to its end
 */
public record UsageRecord(long number, Account account, String model, Instant from, Instant to, Amounts amounts) {}
