package dev.tinyvm.llm.http;

/** Sizes that a client cannot exceed. */
public final class HttpLimits {
    /** Request line and header fields together. */
    public static final int HEAD_BYTES = 64 << 10;

    /** Header fields of one request. */
    public static final int FIELDS = 128;

    /** A chunk's size line with its extensions. */
    public static final int CHUNK_LINE_BYTES = 256;

    /** What is read and thrown away of a body that nobody wanted, so that the connection can go on. */
    public static final int DRAIN_BYTES = 1 << 20;

    private HttpLimits() {}
}
