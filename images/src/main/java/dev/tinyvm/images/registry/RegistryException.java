package dev.tinyvm.images.registry;

/** A registry could not be used, or said what cannot be believed. The message is for a person. */
public final class RegistryException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final Code code;

    /** What went wrong, for programs. */
    public enum Code {
        /** The text is no image reference. */
        INVALID_REFERENCE,
        /** The registry wants other credentials. */
        UNAUTHORIZED,
        /** It has no such image. */
        NOT_FOUND,
        /** It could not be reached, or did not answer in time, also after trying again. */
        UNREACHABLE,
        /** It answered what no registry may answer, or larger than is allowed. */
        PROTOCOL,
        /** Content is not what its digest says. */
        DIGEST_MISMATCH,
        /** The local disk failed. */
        IO
    }

    public RegistryException(Code code, String message) {
        super(message);
        this.code = code;
    }

    public RegistryException(Code code, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    /** What went wrong, for programs. */
    public Code code() {
        return code;
    }

    /** Foreign text for a message: one line, short, without control characters. */
    static String shown(String text) {
        String clean = text.codePoints()
                .map(point -> Character.isISOControl(point) ? ' ' : point)
                .limit(200)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString()
                .strip();
        return clean;
    }
}
