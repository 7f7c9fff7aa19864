package dev.tinyvm.sdk;

/** No manager answers, or the connection to it broke: what was asked for may or may not have happened. */
public final class TinyVmConnectionException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final boolean refused;

    /** @param refused whether nothing was sent, because nobody listens there */
    public TinyVmConnectionException(String message, boolean refused, Throwable cause) {
        super(message, cause);
        this.refused = refused;
    }

    public TinyVmConnectionException(String message) {
        super(message);
        this.refused = false;
    }

    /** Whether nobody listens at the address; nothing was sent then. */
    public boolean refused() {
        return refused;
    }
}
