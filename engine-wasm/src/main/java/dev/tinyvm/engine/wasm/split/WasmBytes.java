package dev.tinyvm.engine.wasm.split;

import java.io.ByteArrayOutputStream;

/** Reads WebAssembly's binary format from an array. Not thread safe. Reading beyond the end fails with {@link UnsupportedCode}. */
final class WasmBytes {
    private final byte[] bytes;
    private final int end;
    private int at;

    WasmBytes(byte[] bytes, int from, int to) {
        this.bytes = bytes;
        this.at = from;
        this.end = to;
    }

    boolean more() {
        return at < end;
    }

    int position() {
        return at;
    }

    int next() {
        if (at >= end) {
            throw new UnsupportedCode("the code ends too early");
        }
        return bytes[at++] & 0xff;
    }

    int peek() {
        int value = next();
        at--;
        return value;
    }

    /** An unsigned LEB128 number below 2³¹. */
    int number() {
        long value = signed(35, false);
        if (value < 0 || value > Integer.MAX_VALUE) {
            throw new UnsupportedCode("a number is too large");
        }
        return (int) value;
    }

    /** A signed LEB128 number of at most 64 bits. */
    long signed() {
        return signed(70, true);
    }

    void skip(int count) {
        if (count < 0 || count > end - at) {
            throw new UnsupportedCode("the code ends too early");
        }
        at += count;
    }

    byte[] since(int start) {
        return java.util.Arrays.copyOfRange(bytes, start, at);
    }

    byte[] rest() {
        return java.util.Arrays.copyOfRange(bytes, at, end);
    }

    WasmBytes part(int length) {
        int from = at;
        skip(length);
        return new WasmBytes(bytes, from, at);
    }

    private long signed(int mostBits, boolean extend) {
        long value = 0;
        for (int shift = 0; shift < mostBits; shift += 7) {
            int one = next();
            value |= shift < 64 ? (long) (one & 0x7f) << shift : 0;
            if (one < 0x80) {
                return extend && (one & 0x40) != 0 && shift + 7 < 64 ? value | -1L << (shift + 7) : value;
            }
        }
        throw new UnsupportedCode("a number has no end");
    }

    static void number(ByteArrayOutputStream out, int value) {
        int rest = value;
        while (rest > 0x7f) {
            out.write((rest & 0x7f) | 0x80);
            rest >>>= 7;
        }
        out.write(rest);
    }

    static void signedNumber(ByteArrayOutputStream out, int value) {
        int rest = value;
        while (rest < -64 || rest > 63) {
            out.write((rest & 0x7f) | 0x80);
            rest >>= 7;
        }
        out.write(rest & 0x7f);
    }
}
