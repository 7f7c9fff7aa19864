package dev.tinyvm.guestlink;

import java.time.Duration;

/** Every bound of a guest link in one place. With these, one guest can make the host keep at most about 128 MiB, by using 1,024 streams that the host opened and does not read. */
final class LinkLimits {
    static final int PROTOCOL_VERSION = 1;
    /** What a guest may send on one stream before the host's consumer takes it. */
    static final int WINDOW_BYTES = 128 << 10;
    /** Streams at once, the guest's own bound too. */
    static final int MAX_STREAMS = 1_024;
    /** Connections from inside at once; more are refused. */
    static final int MAX_INBOUND = 256;
    /** Connections that the host closed while the program inside has not; the oldest is cut. */
    static final int MAX_LINGERING = 64;
    /** Streams that the host cancelled and on which frames may still be on their way. */
    static final int MAX_CANCELLED = 4_096;
    /** Frames without payload bytes that may still come on a cancelled stream. */
    static final int FRAMES_AFTER_CANCEL = 64;
    /** Bytes waiting for a guest that does not read: bulk writers wait from here on. */
    static final int OUTBOUND_HIGH_BYTES = 256 << 10;
    /** More waiting than this: the guest is cut off. */
    static final int OUTBOUND_MAX_BYTES = 8 << 20;
    /** PING, PONG and WINDOW frames that a guest may send in a second. */
    static final int MAX_CONTROL_FRAMES_PER_SECOND = 100_000;
    /** Bytes of STDIN or DATA in one frame. */
    static final int DATA_FRAME_BYTES = 32 << 10;
    /** Entries of one directory listing. */
    static final int MAX_LISTED_ENTRIES = 100_000;
    /** Processes in one answer to LIST: the guest's own bounds, 4,096 running and 256 ended. */
    static final int MAX_LISTED_PROCESSES = 4_352;
    /** Longest error text that is passed on. */
    static final int MAX_ERROR_CHARS = 2_000;
    /** In which a guest that is not frozen must answer what needs no waiting. */
    static final Duration ANSWER = Duration.ofSeconds(10);
    /** In which a transfer must make some progress, or a disk operation end; a Tiny VM may be slow. */
    static final Duration PROGRESS = Duration.ofSeconds(60);

    private LinkLimits() {}
}
