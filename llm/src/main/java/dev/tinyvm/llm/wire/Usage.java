package dev.tinyvm.llm.wire;

/**
 * What a call used, in tokens.
 *
 * @param inputTokens all of the prompt, with what follows
 * @param cachedInputTokens the part of the prompt that the provider read from its cache
 * @param cacheWriteTokens the part of the prompt that the provider wrote into its cache at a price of its own
 * @param outputTokens all that was generated, with hidden reasoning
 * @param estimated whether the provider did not tell, and this was guessed from sizes
 */
public record Usage(
        long inputTokens, long cachedInputTokens, long cacheWriteTokens, long outputTokens, boolean estimated) {
    /** Nothing was used. */
    public static final Usage NONE = new Usage(0, 0, 0, 0, false);

    /** Input and output. */
    public long totalTokens() {
        return inputTokens + outputTokens;
    }
}
