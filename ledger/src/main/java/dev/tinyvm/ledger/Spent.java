package dev.tinyvm.ledger;

/**
 * What a scope has used in its life.
 *
 * @param requests LLM calls
 * @param tokens in and out
 * @param llmNanoUsd money for LLM calls, in billionths of a dollar
 * @param nanoUsd all money, in billionths of a dollar
 */
public record Spent(long requests, long tokens, long llmNanoUsd, long nanoUsd) {
    public static final Spent NOTHING = new Spent(0, 0, 0, 0);
}
