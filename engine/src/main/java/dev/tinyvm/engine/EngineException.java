package dev.tinyvm.engine;

/** A wall could not do what was asked. The message is a sentence for a person: what was attempted, what was wrong, what to do. */
public final class EngineException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** What kind of failure it is, stable for programs. */
    public enum Code {
        /** No such machine, process, file or port. */
        NOT_FOUND,
        /** The machine has ended or its guest is lost. */
        GONE,
        /** The image is missing or broken. */
        IMAGE,
        /** A volume is refused. */
        MOUNT,
        /** The host or the Tiny VM has no more room for it. */
        LIMIT,
        /** The host lacks what the wall needs. */
        UNAVAILABLE,
        /** The request makes no sense for this machine. */
        INVALID,
        /** The guest broke the protocol and has been cut off. */
        PROTOCOL,
        /** It took too long. */
        TIMEOUT,
        /** Anything else; the message says what. */
        FAILED
    }

    private final Code code;

    public EngineException(Code code, String message) {
        super(message);
        this.code = code;
    }

    public EngineException(Code code, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    public Code code() {
        return code;
    }
}
