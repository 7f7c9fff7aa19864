package dev.tinyvm.ledger;

/**
 * An LLM call that is under way. The ledger writes down what is known of it within a second, so that the next ledger can bill it if this process is killed; a call is billed once, whatever becomes of it. Thread-safe.
 */
public interface LlmCall {
    /** More is known of it. @param use in all so far, partly guessed; a later word replaces it */
    void progress(LlmUse use);

    /** It is over, and this is what it used. Nothing after this counts. */
    void ended(LlmUse use);

    /** It is over, and nothing of it is billed, since no provider took it. */
    void dropped();
}
