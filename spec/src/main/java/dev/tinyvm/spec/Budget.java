package dev.tinyvm.spec;

import java.util.OptionalLong;

/**
 * What an agent with all its Tiny VMs, or a Tiny VM made by itself, may cost in its whole life: compute, egress and LLM calls together. When it is used up its Tiny VMs are stopped and its LLM calls
 * refused. ({@link Llm.Budget} bounds LLM calls alone and stops nothing else.)
 *
 * @param nanoUsd billionths of a dollar; empty: no limit
 */
public record Budget(OptionalLong nanoUsd) {
    /** No limit. */
    public static final Budget NONE = new Budget(OptionalLong.empty());
}
