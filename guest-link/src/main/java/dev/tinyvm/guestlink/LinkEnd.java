package dev.tinyvm.guestlink;

/**
 * Why a link ended.
 *
 * @param kind for programs
 * @param detail a sentence for a person
 */
public record LinkEnd(Kind kind, String detail) {
    /** Who ended it. */
    public enum Kind {
        /** {@link GuestLink#close}. */
        CLOSED_BY_HOST,
        /** The guest's end of the socket is closed: it died, or another host has connected. */
        CLOSED_BY_GUEST,
        /** The guest broke the protocol and must be killed. */
        PROTOCOL
    }
}
