package dev.tinyvm.server.http;

/** How large things may be that come from outside. */
public final class Limits {
    /** A descriptor, as YAML or JSON. */
    public static final int DESCRIPTOR_BYTES = 1 << 20;

    /** Any other JSON body. */
    public static final int JSON_BYTES = 4 << 20;

    /** All of a request's header, its line included. */
    public static final int HEADER_BYTES = 16 << 10;

    /** One WebSocket message. */
    public static final int FRAME_BYTES = 1 << 20;

    /** Unconsumed input that one WebSocket may hold before it is no longer read. */
    public static final int SOCKET_BUFFER_BYTES = 1 << 20;

    private Limits() {}
}
