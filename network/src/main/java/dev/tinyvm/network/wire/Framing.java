package dev.tinyvm.network.wire;

/**
 * How the end of a body is told.
 *
 * @param kind which way
 * @param length bytes, for {@code LENGTH}
 */
public record Framing(Kind kind, long length) {
    public static final Framing NONE = new Framing(Kind.NONE, 0);
    public static final Framing CHUNKED = new Framing(Kind.CHUNKED, 0);
    public static final Framing UNTIL_CLOSE = new Framing(Kind.UNTIL_CLOSE, 0);

    /** A body of so many bytes. */
    public static Framing length(long bytes) {
        return new Framing(Kind.LENGTH, bytes);
    }

    /** The ways of RFC 9112, section 6. */
    public enum Kind {
        NONE,
        LENGTH,
        CHUNKED,
        UNTIL_CLOSE
    }
}
