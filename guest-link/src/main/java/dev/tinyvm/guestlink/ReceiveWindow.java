package dev.tinyvm.guestlink;

import dev.tinyvm.guestlink.wire.WireException;

/** What the guest may still send on one stream, and when to give it more. Guarded by the stream's lock. */
final class ReceiveWindow {
    private int credit = LinkLimits.WINDOW_BYTES;
    private int consumed;

    /** Counts what came. */
    void received(int bytes) throws WireException {
        if (bytes > credit) {
            throw new WireException(bytes + " bytes were sent on a stream with a credit of " + credit);
        }
        credit -= bytes;
    }

    /** Counts what the consumer took; more than 0: so much credit shall be given to the guest now. */
    int consumed(int bytes) {
        consumed += bytes;
        if (consumed < LinkLimits.WINDOW_BYTES / 2) {
            return 0;
        }
        int grant = consumed;
        consumed = 0;
        credit += grant;
        return grant;
    }

    /** What may still be on its way when the stream is cancelled. */
    int credit() {
        return credit;
    }
}
