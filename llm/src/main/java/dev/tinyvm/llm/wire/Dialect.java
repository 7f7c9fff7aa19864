package dev.tinyvm.llm.wire;

/** A provider's wire format. */
public enum Dialect {
    /** OpenAI Chat Completions, Responses, Models, and whatever else stands under {@code /v1/} there. */
    OPENAI("OpenAI"),
    /** Anthropic Messages. */
    ANTHROPIC("Anthropic"),
    /** Gemini {@code generateContent}. */
    GEMINI("Gemini");

    private final String label;

    Dialect(String label) {
        this.label = label;
    }

    /** For people. */
    public String label() {
        return label;
    }
}
