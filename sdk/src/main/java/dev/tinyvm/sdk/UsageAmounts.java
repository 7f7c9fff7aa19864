package dev.tinyvm.sdk;

/**
 * What was used, as whole numbers. Money is in billionths of a US dollar, and once as text.
 *
 * @param usd all money in dollars, exact
 * @param nanoUsd all money
 * @param cpuMicros CPU time used, in microseconds
 * @param activeMillis wall time with a machine that was neither waiting nor paused
 * @param waitingMillis wall time frozen on LLM calls
 * @param pausedMillis wall time paused
 * @param activeKibSeconds memory held while active: 1,024 bytes for a second are 1
 * @param waitingKibSeconds memory held while waiting
 * @param pausedKibSeconds memory held while paused
 * @param egressBytes bytes sent out of the host
 * @param requests LLM calls that reached a provider
 * @param inputTokens tokens of prompts, cached ones included
 * @param cachedInputTokens the part of them read from the provider's cache
 * @param outputTokens tokens generated
 * @param computeNanoUsd money for CPU, memory and wall time
 * @param egressNanoUsd money for egress
 * @param llmNanoUsd money for LLM calls
 */
public record UsageAmounts(
        String usd,
        long nanoUsd,
        long cpuMicros,
        long activeMillis,
        long waitingMillis,
        long pausedMillis,
        long activeKibSeconds,
        long waitingKibSeconds,
        long pausedKibSeconds,
        long egressBytes,
        long requests,
        long inputTokens,
        long cachedInputTokens,
        long outputTokens,
        long computeNanoUsd,
        long egressNanoUsd,
        long llmNanoUsd) {}
