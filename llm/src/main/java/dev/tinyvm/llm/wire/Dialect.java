package dev.tinyvm.llm.wire;

/** A provider's wire format. */
public enum Dialect {
    /** OpenAI Chat Completions, Responses, Models, and whatever else stands under {@code /v1/} there. */
    OPENAI,
    /** Anthropic Messages. */
    ANTHROPIC,
    /** Gemini {@code generateContent}. */
    GEMINI
}
