package dev.tinyvm.network.wire;

import java.io.IOException;

/** What was sent is not HTTP as it is spoken here. */
public final class HttpProblem extends IOException {
    private static final long serialVersionUID = 1L;

    private final int status;

    /** @param status with which a client is answered */
    public HttpProblem(int status, String message) {
        super(message);
        this.status = status;
    }

    public int status() {
        return status;
    }
}
