package dev.tinyvm.llm;

import dev.tinyvm.spec.Llm;
import java.util.List;

/**
 * What one agent or one key may use. A limit of {@link #UNLIMITED} does not hold.
 *
 * @param scope whom it is counted for, such as {@code agent:researcher} or {@code key:ci}
 * @param models that may be used
 * @param requestsPerMinute rate, with a burst of as many
 * @param tokensPerMinute rate, with a burst of as many; a call that takes more is paid off before the next
 * @param requests in all
 * @param tokens in all, input and output
 * @param nanoUsd money in all, in billionths of a dollar
 */
public record Allowance(
        String scope,
        List<Glob> models,
        long requestsPerMinute,
        long tokensPerMinute,
        long requests,
        long tokens,
        long nanoUsd) {
    /** No limit. */
    public static final long UNLIMITED = Long.MAX_VALUE;

    /** Any model, no limit. */
    public static Allowance unlimited(String scope) {
        return new Allowance(scope, List.of(new Glob("*")), UNLIMITED, UNLIMITED, UNLIMITED, UNLIMITED, UNLIMITED);
    }

    /** What a descriptor or a limit of the configuration says. */
    public static Allowance of(String scope, Llm llm) {
        return new Allowance(
                scope,
                llm.models().stream().map(Glob::new).toList(),
                llm.requestsPerMinute().orElse(UNLIMITED),
                llm.tokensPerMinute().orElse(UNLIMITED),
                llm.budget().requests().orElse(UNLIMITED),
                llm.budget().tokens().orElse(UNLIMITED),
                llm.budget().nanoUsd().orElse(UNLIMITED));
    }

    /** The lower of each number; the models are this one's, since they are judged apart. */
    Allowance tighter(Allowance other) {
        return new Allowance(
                scope,
                models,
                Math.min(requestsPerMinute, other.requestsPerMinute),
                Math.min(tokensPerMinute, other.tokensPerMinute),
                Math.min(requests, other.requests),
                Math.min(tokens, other.tokens),
                Math.min(nanoUsd, other.nanoUsd));
    }

    /** Tells what holds for a caller. Called once for each call; must not block. */
    @FunctionalInterface
    public interface Source {
        /** All of these hold together. */
        List<Allowance> of(Caller caller);
    }
}
