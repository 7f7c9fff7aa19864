package dev.tinyvm.spec;

import java.util.List;
import java.util.OptionalLong;

/**
 * Which models a Tiny VM may use through the gateway, and how much.
 *
 * @param models names, or patterns with {@code *}; empty: none
 * @param budget in all, for the agent's whole life; a spent one stops its calls
 * @param requestsPerMinute rate with a burst of as many; empty: none
 * @param tokensPerMinute rate with a burst of as many; empty: none
 */
public record Llm(List<String> models, Budget budget, OptionalLong requestsPerMinute, OptionalLong tokensPerMinute) {
    /** Any model that the manager offers, without a limit. */
    public static final Llm DEFAULT = new Llm(List.of("*"), Budget.NONE, OptionalLong.empty(), OptionalLong.empty());

    public Llm {
        models = List.copyOf(models);
    }

    /**
     * What may be used in all. Empty parts have no limit.
     *
     * @param nanoUsd billionths of a dollar
     * @param tokens input and output
     * @param requests calls
     */
    public record Budget(OptionalLong nanoUsd, OptionalLong tokens, OptionalLong requests) {
        /** No limit. */
        public static final Budget NONE = new Budget(OptionalLong.empty(), OptionalLong.empty(), OptionalLong.empty());
    }
}
