package dev.tinyvm.images;

import dev.tinyvm.images.registry.RegistryException;

/** An image could not be imported, found or removed. The message is for a person: what was attempted, what was wrong, what to do. */
public final class ImageException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final Code code;

    /** What went wrong, for programs. */
    public enum Code {
        /** The name is not one that an image can have. */
        INVALID_NAME,
        /** There is no such image. */
        NOT_FOUND,
        /** An image of this name is there already. */
        EXISTS,
        /** A Tiny VM uses it. */
        IN_USE,
        /** Another import or removal is going on. */
        BUSY,
        /** The archive or directory does something that no root file system needs, or is damaged. */
        REFUSED,
        /** A format that cannot be read. */
        UNSUPPORTED,
        /** More files or bytes than a limit allows. */
        TOO_LARGE,
        /** Content is not what its digest says. */
        DIGEST_MISMATCH,
        /** The policy asks for a signature, and none that holds is there. */
        UNSIGNED,
        /** The registry wants other credentials, or those that are stored cannot be read. */
        UNAUTHORIZED,
        /** The registry could not be reached, or did not answer in time, also after trying again. */
        UNREACHABLE,
        /** Only root may do it. */
        PERMISSION,
        /** The disk or file system failed. */
        IO
    }

    public ImageException(Code code, String message) {
        super(message);
        this.code = code;
    }

    public ImageException(Code code, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    /** The same in this module's words. */
    static ImageException of(RegistryException e) {
        Code code = switch (e.code()) {
            case INVALID_REFERENCE -> Code.INVALID_NAME;
            case UNAUTHORIZED -> Code.UNAUTHORIZED;
            case NOT_FOUND -> Code.NOT_FOUND;
            case UNREACHABLE -> Code.UNREACHABLE;
            case PROTOCOL -> Code.REFUSED;
            case DIGEST_MISMATCH -> Code.DIGEST_MISMATCH;
            case IO -> Code.IO;
        };
        return new ImageException(code, String.valueOf(e.getMessage()), e);
    }

    /** What went wrong, for programs. */
    public Code code() {
        return code;
    }
}
