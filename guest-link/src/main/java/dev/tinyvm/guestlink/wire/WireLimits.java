package dev.tinyvm.guestlink.wire;

/** The bounds of spec/guest-protocol.md section 1. */
public final class WireLimits {
    public static final int HEADER_BYTES = 12;
    public static final int MAX_PAYLOAD_BYTES = 65_536;
    public static final int MAX_STR_BYTES = 32_768;
    public static final int MAX_LIST_ITEMS = 4_096;
    /** Stream numbers from here up (as unsigned) belong to the guest. */
    public static final int FIRST_GUEST_STREAM = 0x8000_0000;

    private WireLimits() {}
}
