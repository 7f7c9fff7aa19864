package dev.tinyvm.llm;

/** The tool that clients offer in these tests. */
final class Tool {
    static final String SCHEMA = "{\"type\":\"object\",\"properties\":{\"p\":{\"type\":\"number\"}}}";

    private Tool() {}
}
