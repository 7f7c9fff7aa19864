package dev.tinyvm.manager;

/** The manager refuses or fails. The message is for people: what was attempted, what was wrong, what to do. */
public final class ManagerException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Stable for programs; the doors map it to their own codes. */
    public enum Code {
        /** The request makes no sense. */
        INVALID,
        /** No such agent, VM, process, key. */
        NOT_FOUND,
        /** Not in this state, or the name is taken. */
        CONFLICT,
        /** Larger than the host will ever offer. */
        NEVER_FITS,
        /** The host is full now. */
        NO_CAPACITY,
        /** The image is missing or broken. */
        IMAGE,
        /** A volume is refused. */
        MOUNT,
        /** The host lacks what the wall needs. */
        UNAVAILABLE,
        /** The Tiny VM ended meanwhile. */
        GONE,
        /** It took too long. */
        TIMEOUT,
        /** Anything else. */
        FAILED
    }

    private final Code code;

    public ManagerException(Code code, String message) {
        super(message);
        this.code = code;
    }

    public ManagerException(Code code, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    public Code code() {
        return code;
    }
}
