package dev.tinyvm.llm.http;

import java.io.IOException;

/** A request that is not HTTP as this server takes it: answered with a status, then the connection ends. */
final class HttpProblem extends IOException {
    private static final long serialVersionUID = 1;

    private final int status;

    HttpProblem(int status, String message) {
        super(message);
        this.status = status;
    }

    int status() {
        return status;
    }
}
