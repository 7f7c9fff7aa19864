package dev.tinyvm.guestlink;

import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;

/**
 * One open stream of a link. The {@code on…} methods are called on the loop's thread, must not block, and throw {@link WireException} for
 * what the protocol does not allow here. Exactly one of {@link #onError}, {@link #onDone}, {@link #onCancelled}, {@link #onLost} or a
 * terminal frame ends it.
 */
abstract class LinkStream {
    final GuestLink link;
    /** What the caller wanted, for messages: {@code start sleep}. */
    final String attempt;

    /** Set once, before the opening frame leaves. */
    volatile int id;

    LinkStream(GuestLink link, String attempt) {
        this.link = link;
        this.attempt = attempt;
    }

    /** Any frame but ERROR, DONE, CANCEL and WINDOW. The payload is checked to its end by the caller. */
    abstract void onFrame(GuestMessage message, PayloadReader payload) throws WireException;

    abstract void onError(int errno, String message);

    abstract void onLost(LinkEnd end);

    void onDone() throws WireException {
        throw unexpected(GuestMessage.DONE);
    }

    void onCancelled() throws WireException {
        throw unexpected(GuestMessage.CANCEL);
    }

    void onWindow(long credit) throws WireException {
        throw unexpected(GuestMessage.WINDOW);
    }

    /** Payload bytes that the guest may still send: what may come after a CANCEL. */
    int receiveCredit() {
        return LinkLimits.WINDOW_BYTES;
    }

    final WireException unexpected(GuestMessage message) {
        return new WireException(message + " where it means nothing (could not " + attempt + ")");
    }
}
