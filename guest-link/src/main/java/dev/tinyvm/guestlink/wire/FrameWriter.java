package dev.tinyvm.guestlink.wire;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * Builds one frame. What the protocol cannot carry (a string with NUL or over 32,768 bytes, a payload over 65,536 bytes, a list over 4,096
 * items) is an {@link IllegalArgumentException} whose message a user may read.
 */
public final class FrameWriter {
    private static final int FIRST_CAPACITY = 128;

    private byte[] bytes = new byte[FIRST_CAPACITY];
    private int size = WireLimits.HEADER_BYTES;

    public FrameWriter(int type, int stream) {
        bytes[4] = (byte) type;
        putInt(8, stream);
    }

    public FrameWriter u8(int value) {
        room(1);
        bytes[size++] = (byte) value;
        return this;
    }

    public FrameWriter bool(boolean value) {
        return u8(value ? 1 : 0);
    }

    public FrameWriter u16(int value) {
        room(2);
        bytes[size++] = (byte) (value >> 8);
        bytes[size++] = (byte) value;
        return this;
    }

    public FrameWriter u32(long value) {
        room(4);
        putInt(size, (int) value);
        size += 4;
        return this;
    }

    public FrameWriter u64(long value) {
        room(8);
        putInt(size, (int) (value >> 32));
        putInt(size + 4, (int) value);
        size += 8;
        return this;
    }

    public FrameWriter str(String value) {
        byte[] encoded = value.getBytes(StandardCharsets.UTF_8);
        if (encoded.length > WireLimits.MAX_STR_BYTES) {
            throw new IllegalArgumentException("a text of " + encoded.length + " bytes is too long, at most "
                    + WireLimits.MAX_STR_BYTES + " are allowed");
        }
        if (value.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("a text contains a NUL character");
        }
        return u32(encoded.length).bytes(encoded, 0, encoded.length);
    }

    public FrameWriter strings(List<String> values) {
        if (values.size() > WireLimits.MAX_LIST_ITEMS) {
            throw new IllegalArgumentException(
                    values.size() + " items are too many, at most " + WireLimits.MAX_LIST_ITEMS + " are allowed");
        }
        u32(values.size());
        values.forEach(this::str);
        return this;
    }

    public FrameWriter bytes(byte[] value, int offset, int length) {
        room(length);
        System.arraycopy(value, offset, bytes, size, length);
        size += length;
        return this;
    }

    /** Sets the stream number, when it was not known before. */
    public FrameWriter stream(int stream) {
        putInt(8, stream);
        return this;
    }

    /** The frame; this writer must not be used any more. */
    public ByteBuffer finish() {
        putInt(0, size - WireLimits.HEADER_BYTES);
        return ByteBuffer.wrap(bytes, 0, size);
    }

    private void room(int more) {
        long wanted = (long) size + more;
        if (wanted > WireLimits.HEADER_BYTES + WireLimits.MAX_PAYLOAD_BYTES) {
            throw new IllegalArgumentException(
                    "the request is too long: at most " + WireLimits.MAX_PAYLOAD_BYTES + " bytes are allowed in all");
        }
        if (wanted > bytes.length) {
            bytes = Arrays.copyOf(bytes, (int) Math.max(wanted, 2L * bytes.length));
        }
    }

    private void putInt(int at, int value) {
        bytes[at] = (byte) (value >> 24);
        bytes[at + 1] = (byte) (value >> 16);
        bytes[at + 2] = (byte) (value >> 8);
        bytes[at + 3] = (byte) value;
    }
}
