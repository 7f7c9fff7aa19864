package dev.tinyvm.guestlink.wire;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Reads the primitives of one payload in order. Every length is compared with what is there before anything is allocated. */
public final class PayloadReader {
    private final ByteBuffer payload;

    public PayloadReader(ByteBuffer payload) {
        this.payload = payload;
    }

    public int u8() throws WireException {
        need(1);
        return payload.get() & 0xff;
    }

    /** A u8 that must be 0 or 1. */
    public boolean bool() throws WireException {
        int value = u8();
        if (value > 1) {
            throw new WireException("a yes-or-no byte is " + value);
        }
        return value == 1;
    }

    public int u16() throws WireException {
        need(2);
        return payload.getShort() & 0xffff;
    }

    public long u32() throws WireException {
        return i32() & 0xffff_ffffL;
    }

    public int i32() throws WireException {
        need(4);
        return payload.getInt();
    }

    /** A u64 whose upper half is no sensible value: sizes, times, offsets. */
    public long u63() throws WireException {
        long value = u64();
        if (value < 0) {
            throw new WireException("a number is over 2^63 - 1");
        }
        return value;
    }

    /** All 64 bits. */
    public long u64() throws WireException {
        need(8);
        return payload.getLong();
    }

    /** Malformed UTF-8 becomes U+FFFD. */
    public String str() throws WireException {
        long length = u32();
        if (length > WireLimits.MAX_STR_BYTES) {
            throw new WireException("a string of " + length + " bytes, allowed are " + WireLimits.MAX_STR_BYTES);
        }
        need((int) length);
        byte[] bytes = new byte[(int) length];
        payload.get(bytes);
        for (byte b : bytes) {
            if (b == 0) {
                throw new WireException("a string contains NUL");
            }
        }
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /** The item count of a list whose items have at least {@code minItemBytes} bytes. */
    public int count(int minItemBytes) throws WireException {
        long count = u32();
        if (count > WireLimits.MAX_LIST_ITEMS || count * minItemBytes > payload.remaining()) {
            throw new WireException("a list claims " + count + " items in " + payload.remaining() + " bytes");
        }
        return (int) count;
    }

    public List<String> strings() throws WireException {
        int count = count(4);
        List<String> strings = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            strings.add(str());
        }
        return strings;
    }

    /** The rest, a copy. */
    public byte[] bytes() {
        byte[] bytes = new byte[payload.remaining()];
        payload.get(bytes);
        return bytes;
    }

    /** Bytes not read yet. */
    public int remaining() {
        return payload.remaining();
    }

    /** Must be called after the last field. */
    public void finish() throws WireException {
        if (payload.hasRemaining()) {
            throw new WireException(payload.remaining() + " bytes are left over in a payload");
        }
    }

    private void need(int bytes) throws WireException {
        if (payload.remaining() < bytes) {
            throw new WireException(
                    "a payload is too short: " + bytes + " bytes needed, " + payload.remaining() + " left");
        }
    }
}
