package dev.tinyvm.guestlink.wire;

/** The peer broke the protocol. The message says how, for a log; nothing in it comes from the peer unbounded. */
public final class WireException extends Exception {
    private static final long serialVersionUID = 1;

    public WireException(String message) {
        super(message);
    }
}
