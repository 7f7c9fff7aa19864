package dev.tinyvm.guestlink.wire;

import org.jspecify.annotations.Nullable;

/**
 * The table of spec/guest-protocol.md section 3: every message with its number, who sends it, where, and the shape of its payload.
 *
 * <p>Shapes: {@code 1} u8, {@code b} u8 that is 0 or 1, {@code 2} u16, {@code 4} u32 or i32, {@code 8} u64, {@code s} str, {@code L} list of str,
 * {@code ( … )} list of a structure, {@code *} bytes, {@code +} at least one byte. The same letters as in native/guest/src/messages.c.
 */
public enum GuestMessage {
    HELLO(0x01, "224", Sender.HOST, Place.CONNECTION),
    WELCOME(0x02, "2s84", Sender.GUEST, Place.CONNECTION),
    ERROR(0x03, "4s", Sender.GUEST, Place.ANY),
    PING(0x04, "8", Sender.BOTH, Place.CONNECTION),
    PONG(0x05, "8", Sender.BOTH, Place.CONNECTION),
    WINDOW(0x06, "4", Sender.BOTH, Place.STREAM),
    CANCEL(0x07, "", Sender.BOTH, Place.STREAM),
    DONE(0x08, "", Sender.GUEST, Place.STREAM),
    DATA(0x09, "+", Sender.BOTH, Place.STREAM),
    END(0x0a, "", Sender.BOTH, Place.STREAM),
    EXEC(0x10, "4sssLL22", Sender.HOST, Place.OPENS),
    STARTED(0x11, "44", Sender.GUEST, Place.STREAM),
    STDOUT(0x12, "8+", Sender.GUEST, Place.STREAM),
    STDERR(0x13, "8+", Sender.GUEST, Place.STREAM),
    STDIN(0x14, "+", Sender.HOST, Place.STREAM),
    CLOSE_STDIN(0x15, "", Sender.HOST, Place.STREAM),
    SIGNAL(0x16, "1b", Sender.HOST, Place.STREAM),
    RESIZE(0x17, "22", Sender.HOST, Place.STREAM),
    EXITED(0x18, "4188", Sender.GUEST, Place.STREAM),
    LIST(0x19, "", Sender.HOST, Place.OPENS),
    PROCESSES(0x1a, "b(44b4sL8)", Sender.GUEST, Place.STREAM),
    ATTACH(0x1b, "488", Sender.HOST, Place.OPENS),
    ACK(0x1c, "88", Sender.HOST, Place.STREAM),
    FORGET(0x1d, "4", Sender.HOST, Place.OPENS),
    FILE_STAT(0x30, "ssb", Sender.HOST, Place.OPENS),
    STAT(0x31, "148448ssss", Sender.GUEST, Place.STREAM),
    FILE_LIST(0x32, "ss4", Sender.HOST, Place.OPENS),
    ENTRIES(0x33, "(148448ssss)", Sender.GUEST, Place.STREAM),
    FILE_MKDIR(0x34, "ss4b", Sender.HOST, Place.OPENS),
    FILE_RENAME(0x35, "sssb", Sender.HOST, Place.OPENS),
    FILE_REMOVE(0x36, "ssb", Sender.HOST, Place.OPENS),
    FILE_READ(0x37, "ss88", Sender.HOST, Place.OPENS),
    FILE_WRITE(0x38, "ss41", Sender.HOST, Place.OPENS),
    FILE_WATCH(0x39, "ssb", Sender.HOST, Place.OPENS),
    WATCHING(0x3a, "", Sender.GUEST, Place.STREAM),
    WATCH_EVENT(0x3b, "1s", Sender.GUEST, Place.STREAM),
    FILE_CHMOD(0x3c, "ss4", Sender.HOST, Place.OPENS),
    FILE_CHOWN(0x3d, "sss", Sender.HOST, Place.OPENS),
    FILE_SYMLINK(0x3e, "sss", Sender.HOST, Place.OPENS),
    DIAL(0x40, "2", Sender.HOST, Place.OPENS),
    DIALED(0x41, "", Sender.BOTH, Place.STREAM),
    LISTEN(0x42, "2", Sender.HOST, Place.OPENS),
    INBOUND(0x43, "42", Sender.GUEST, Place.OPENS),
    DATAGRAMS(0x44, "2", Sender.HOST, Place.OPENS),
    DATAGRAM(0x45, "2+", Sender.BOTH, Place.STREAM),
    FILE_XATTRS(0x48, "ss", Sender.HOST, Place.OPENS),
    XATTRS(0x49, "(ss)", Sender.GUEST, Place.STREAM),
    FILE_SET_XATTR(0x4a, "ssss", Sender.HOST, Place.OPENS),
    FILE_REMOVE_XATTR(0x4b, "sss", Sender.HOST, Place.OPENS),
    STATS(0x50, "", Sender.HOST, Place.OPENS),
    STATISTICS(0x51, "84888", Sender.GUEST, Place.STREAM),
    IDENTIFY(0x52, "ss", Sender.HOST, Place.OPENS),
    SUSPEND(0x53, "4", Sender.HOST, Place.OPENS),
    SHUTDOWN(0x60, "4", Sender.HOST, Place.OPENS);

    private static final @Nullable GuestMessage[] BY_CODE = new @Nullable GuestMessage[256];

    static {
        for (GuestMessage message : values()) {
            BY_CODE[message.code] = message;
        }
    }

    private final int code;
    private final String shape;
    private final Sender sender;
    private final Place place;

    GuestMessage(int code, String shape, Sender sender, Place place) {
        this.code = code;
        this.shape = shape;
        this.sender = sender;
        this.place = place;
    }

    /** The number on the wire. */
    public int code() {
        return code;
    }

    /** The payload's shape. */
    public String shape() {
        return shape;
    }

    /** A frame of this type; the stream number may be set later. */
    public FrameWriter frame(int stream) {
        return new FrameWriter(code, stream);
    }

    /**
     * Finds the type of a frame and checks its header. The payload is checked by whoever reads it.
     *
     * @param fromGuest who sent it
     * @throws WireException unknown type, flags, a type that this side may not send or not on this kind of stream
     */
    public static GuestMessage of(byte type, byte flags, int stream, boolean fromGuest) throws WireException {
        GuestMessage message = BY_CODE[type & 0xff];
        if (message == null) {
            throw new WireException("a frame of the unknown type 0x" + Integer.toHexString(type & 0xff));
        }
        if (flags != 0) {
            throw new WireException(message + " with unknown flags");
        }
        if (message.sender == (fromGuest ? Sender.HOST : Sender.GUEST)) {
            throw new WireException(message + " from the wrong side");
        }
        boolean guestsOwn = Integer.compareUnsigned(stream, WireLimits.FIRST_GUEST_STREAM) >= 0;
        boolean fits = switch (message.place) {
            case ANY -> true;
            case CONNECTION -> stream == 0;
            case STREAM -> stream != 0;
            case OPENS -> stream != 0 && guestsOwn == fromGuest;
        };
        if (!fits) {
            throw new WireException(message + " on the stream " + Integer.toUnsignedString(stream));
        }
        return message;
    }

    private enum Sender {
        HOST,
        GUEST,
        BOTH
    }

    private enum Place {
        CONNECTION,
        STREAM,
        OPENS,
        ANY
    }
}
