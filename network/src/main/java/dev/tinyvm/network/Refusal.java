package dev.tinyvm.network;

import java.io.IOException;

/** A try that is answered with an error: it is not allowed, or cannot be met. */
final class Refusal extends IOException {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final String code;

    /**
     * @param status 403 for what is not allowed, 502 to 504 for what failed
     * @param code stable, for programs
     * @param message a sentence for people
     */
    Refusal(int status, String code, String message) {
        super(message);
        this.status = status;
        this.code = code;
    }

    int status() {
        return status;
    }

    String code() {
        return code;
    }
}
