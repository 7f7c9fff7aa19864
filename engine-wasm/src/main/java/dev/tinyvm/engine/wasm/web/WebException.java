package dev.tinyvm.engine.wasm.web;

import java.io.IOException;

/** An exchange that did not come about, in words for the guest's author. */
public final class WebException extends IOException {
    private static final long serialVersionUID = 1;
    private final String code;

    /** @param code as Node names it, such as {@code ECONNREFUSED} */
    public WebException(String code, String message) {
        super(message);
        this.code = code;
    }

    public WebException(String code, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    public String code() {
        return code;
    }

    /** What went wrong in any other way on the connection. */
    static WebException of(String attempt, IOException cause) {
        return cause instanceof WebException known
                ? known
                : new WebException("ECONNRESET", attempt + ": " + cause.getMessage(), cause);
    }
}
