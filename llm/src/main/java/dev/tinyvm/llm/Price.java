package dev.tinyvm.llm;

import dev.tinyvm.llm.wire.Usage;
import java.math.BigDecimal;

/**
 * What a model costs, in US dollars for a million tokens.
 *
 * @param provider its name or a pattern
 * @param model its name at the provider or a pattern
 * @param input tokens of the prompt
 * @param cachedInput tokens read from the provider's cache
 * @param cacheWrite tokens written into it
 * @param output tokens generated
 */
public record Price(
        Glob provider, Glob model, BigDecimal input, BigDecimal cachedInput, BigDecimal cacheWrite, BigDecimal output) {
    private static final BigDecimal NANOS_PER_DOLLAR_AND_MILLION = BigDecimal.valueOf(1000);

    /** For this model of any provider; reading from the cache and writing into it cost what input costs. */
    public static Price of(String model, String input, String output) {
        BigDecimal in = new BigDecimal(input);
        return new Price(new Glob("*"), new Glob(model), in, in, in, new BigDecimal(output));
    }

    /** In billionths of a dollar, rounded up. */
    public long nanoUsd(Usage usage) {
        long plain = usage.inputTokens() - usage.cachedInputTokens() - usage.cacheWriteTokens();
        BigDecimal sum = input.multiply(BigDecimal.valueOf(Math.max(0, plain)))
                .add(cachedInput.multiply(BigDecimal.valueOf(usage.cachedInputTokens())))
                .add(cacheWrite.multiply(BigDecimal.valueOf(usage.cacheWriteTokens())))
                .add(output.multiply(BigDecimal.valueOf(usage.outputTokens())));
        return sum.multiply(NANOS_PER_DOLLAR_AND_MILLION)
                .setScale(0, java.math.RoundingMode.CEILING)
                .longValue();
    }
}
