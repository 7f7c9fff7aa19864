package dev.tinyvm.engine.wasm.split;

import java.io.ByteArrayOutputStream;
import java.util.Random;

/** A module with one large function {@code f: i32 → i64} of random blocks, loops, branches, switches and returns over locals of three types. It always ends. */
final class RandomFunction {
    private static final int I32_LOCALS = 8;
    private static final int I64_LOCALS = 4;
    private static final int F64_LOCALS = 2;
    private static final int FUEL = I32_LOCALS + I64_LOCALS + F64_LOCALS;
    private static final int RESULT = I32_LOCALS;
    private static final int EMPTY = 0x40;

    private final Random random;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private RandomFunction(long seed) {
        this.random = new Random(seed);
    }

    static byte[] module(long seed, int bytes) {
        return new RandomFunction(seed).whole(bytes);
    }

    private byte[] whole(int bytes) {
        ByteArrayOutputStream body = out;
        // Locals: parameter 0 is an i32; then more of each type, and the fuel.
        put(4, I32_LOCALS - 1, 0x7f, I64_LOCALS, 0x7e, F64_LOCALS, 0x7c, 1, 0x7f);
        put(0x41);
        WasmBytes.signedNumber(body, 3000);
        put(0x21, FUEL);
        while (body.size() < bytes) {
            statement(0);
        }
        result();
        put(0x0b);
        return module(body.toByteArray());
    }

    /** A module whose one function has that code, declarations of locals first. */
    static byte[] module(byte[] code) {
        ByteArrayOutputStream module = new ByteArrayOutputStream();
        module.writeBytes(new byte[] {0, 'a', 's', 'm', 1, 0, 0, 0});
        section(module, 1, new byte[] {1, 0x60, 1, 0x7f, 1, 0x7e});
        section(module, 3, new byte[] {1, 0});
        section(module, 7, new byte[] {1, 1, 'f', 0, 0});
        ByteArrayOutputStream codes = new ByteArrayOutputStream();
        codes.write(1);
        WasmBytes.number(codes, code.length);
        codes.writeBytes(code);
        section(module, 10, codes.toByteArray());
        return module.toByteArray();
    }

    private void statement(int depth) {
        int choice = random.nextInt(depth > 5 ? 8 : 13);
        switch (choice) {
            case 0, 1, 2 -> {
                i32(2);
                put(0x21, i32Local());
            }
            case 3, 4 -> {
                i64(2);
                put(0x21, i64Local());
            }
            case 5 -> {
                put(0x20, f64Local(), 0x20, i32Local(), 0xb7, 0xa0, 0x21, f64Local());
            }
            case 6 -> {
                i32(1);
                if (depth == 0) {
                    put(0x1a);
                } else {
                    put(0x0d, random.nextInt(depth));
                }
            }
            case 7 -> {
                put(0x20, i64Local(), 0x20, i32Local(), 0xad, 0x7c, 0x21, i64Local());
            }
            case 8, 9 -> {
                put(0x02, EMPTY);
                several(depth + 1);
                if (random.nextInt(5) == 0) {
                    put(0x0c, random.nextInt(depth + 1));
                }
                put(0x0b);
            }
            case 10 -> {
                i32(1);
                put(0x04, EMPTY);
                several(depth + 1);
                if (random.nextInt(8) == 0) {
                    result();
                    put(0x0f);
                }
                put(0x05);
                several(depth + 1);
                put(0x0b);
            }
            case 11 -> {
                put(0x03, EMPTY);
                // Fuel, so that every loop ends.
                put(0x20, FUEL, 0x41, 1, 0x6b, 0x22, FUEL, 0x45, 0x04, EMPTY);
                result();
                put(0x0f, 0x0b);
                several(depth + 1);
                i32(1);
                put(0x0d, 0, 0x0b);
            }
            default -> {
                int cases = 2 + random.nextInt(4);
                for (int i = 0; i < cases; i++) {
                    put(0x02, EMPTY);
                }
                i32(1);
                put(0x0e, cases);
                for (int i = 0; i <= cases; i++) {
                    put(random.nextInt(cases + depth));
                }
                for (int i = 0; i < cases; i++) {
                    put(0x0b);
                    several(depth + cases - i - 1);
                }
            }
        }
    }

    private void several(int depth) {
        int count = 1 + random.nextInt(4);
        for (int i = 0; i < count; i++) {
            statement(depth);
        }
    }

    private void i32(int depth) {
        if (depth == 0) {
            if (random.nextBoolean()) {
                put(0x20, i32Local());
            } else {
                out.write(0x41);
                WasmBytes.signedNumber(out, random.nextInt());
            }
            return;
        }
        i32(depth - 1);
        i32(depth - 1);
        int[] operations = {0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x48, 0x4b, 0x74, 0x77};
        put(operations[random.nextInt(operations.length)]);
    }

    private void i64(int depth) {
        if (depth == 0) {
            put(0x20, i64Local());
            return;
        }
        i64(depth - 1);
        i32(1);
        put(0xac);
        int[] operations = {0x7c, 0x7d, 0x7e, 0x85};
        put(operations[random.nextInt(operations.length)]);
    }

    /** All locals mixed into one. */
    private void result() {
        put(0x20, RESULT);
        for (int i = 0; i < I32_LOCALS; i++) {
            put(0x20, i, 0xac, 0x42, 31, 0x7e, 0x85);
        }
        for (int i = 1; i < I64_LOCALS; i++) {
            put(0x20, I32_LOCALS + i, 0x7c);
        }
        for (int i = 0; i < F64_LOCALS; i++) {
            put(0x20, I32_LOCALS + I64_LOCALS + i, 0xbd, 0x85);
        }
    }

    private int i32Local() {
        return random.nextInt(I32_LOCALS);
    }

    private int i64Local() {
        return I32_LOCALS + random.nextInt(I64_LOCALS);
    }

    private int f64Local() {
        return I32_LOCALS + I64_LOCALS + random.nextInt(F64_LOCALS);
    }

    private void put(int... bytes) {
        for (int one : bytes) {
            out.write(one);
        }
    }

    private static void section(ByteArrayOutputStream module, int id, byte[] content) {
        module.write(id);
        WasmBytes.number(module, content.length);
        module.writeBytes(content);
    }
}
