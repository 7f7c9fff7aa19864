package dev.tinyvm.llm.http;

import java.io.InputStream;

/**
 * One request as it came.
 *
 * @param method such as {@code POST}
 * @param target path and query, such as {@code /v1/chat/completions}, percent-encoded
 * @param headers as sent
 * @param body its bytes without transfer coding
 */
public record LlmRequest(String method, String target, Headers headers, InputStream body) {
    /** The target without its query. */
    public String path() {
        int question = target.indexOf('?');
        return question < 0 ? target : target.substring(0, question);
    }

    /** The query without its question mark; empty when there is none. */
    public String query() {
        int question = target.indexOf('?');
        return question < 0 ? "" : target.substring(question + 1);
    }
}
