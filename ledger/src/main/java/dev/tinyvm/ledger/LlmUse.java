package dev.tinyvm.ledger;

/**
 * What one LLM call used.
 *
 * @param inputTokens of the prompt, cached ones included
 * @param cachedInputTokens the part that came from the provider's cache
 * @param nanoUsd its price in billionths of a dollar
 */
public record LlmUse(long inputTokens, long cachedInputTokens, long outputTokens, long nanoUsd) {
    Amounts amounts() {
        long[] values = new long[Measure.COUNT];
        values[Measure.REQUESTS.index()] = 1;
        values[Measure.INPUT_TOKENS.index()] = inputTokens;
        values[Measure.CACHED_INPUT_TOKENS.index()] = cachedInputTokens;
        values[Measure.OUTPUT_TOKENS.index()] = outputTokens;
        values[Measure.LLM_NANO_USD.index()] = nanoUsd;
        return Amounts.ofOwned(values);
    }
}
