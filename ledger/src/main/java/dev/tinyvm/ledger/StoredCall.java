package dev.tinyvm.ledger;

/**
 * An LLM call that was under way when this was written.
 *
 * @param number rises from call to call
 * @param account whose it is
 * @param atMillis when this was known
 * @param use of it so far, partly guessed
 */
record StoredCall(long number, long account, String model, long atMillis, LlmUse use) {}
