package dev.tinyvm.guestlink.wire;

import java.nio.ByteBuffer;

/** Checks a whole payload against a shape of {@link GuestMessage}, as the C side does before it reads; used on the shared corpus. */
public final class PayloadShape {
    private PayloadShape() {}

    /** @throws WireException when the payload is not exactly of that shape */
    public static void check(String shape, ByteBuffer payload) throws WireException {
        PayloadReader reader = new PayloadReader(payload);
        read(shape, 0, shape.length(), reader);
        reader.finish();
    }

    private static void read(String shape, int from, int to, PayloadReader reader) throws WireException {
        for (int at = from; at < to; at++) {
            switch (shape.charAt(at)) {
                case '1' -> reader.u8();
                case 'b' -> reader.bool();
                case '2' -> reader.u16();
                case '4' -> reader.u32();
                case '8' -> reader.u64();
                case 's' -> reader.str();
                case 'L' -> reader.strings();
                case '*' -> reader.bytes();
                case '+' -> {
                    if (reader.bytes().length == 0) {
                        throw new WireException("a payload without bytes");
                    }
                }
                case '(' -> {
                    int close = shape.indexOf(')', at);
                    for (int left = reader.count(1); left > 0; left--) {
                        read(shape, at + 1, close, reader);
                    }
                    at = close;
                }
                default -> throw new IllegalArgumentException("no such shape: " + shape);
            }
        }
    }
}
