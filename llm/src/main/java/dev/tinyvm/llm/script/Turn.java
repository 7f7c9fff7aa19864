package dev.tinyvm.llm.script;

/** What the model says, or how its provider fails. */
public sealed interface Turn {
    /**
     * A text, streamed word by word.
     *
     * @param text of the answer
     */
    record Text(String text) implements Turn {}

    /**
     * A call of one tool.
     *
     * @param name of the tool
     * @param argumentsJson a JSON object
     */
    record ToolCall(String name, String argumentsJson) implements Turn {}

    /**
     * An error.
     *
     * @param status such as 429
     * @param retryAfter value of that header; empty: not sent
     */
    record Refusal(int status, String retryAfter) implements Turn {}

    /**
     * A failure that no provider intends.
     *
     * @param fault which
     */
    record Failure(Fault fault) implements Turn {}

    /** Ways to fail. */
    enum Fault {
        /** Takes the request and never answers. */
        HANG,
        /** Sends the beginning of an answer, then never more. */
        STALL,
        /** Closes the connection instead of answering. */
        CLOSE,
        /** Breaks off in the middle of the answer. */
        RESET,
        /** Bytes that are not HTTP. */
        GARBAGE,
        /** Ten megabytes of header fields. */
        HUGE_HEADERS
    }
}
