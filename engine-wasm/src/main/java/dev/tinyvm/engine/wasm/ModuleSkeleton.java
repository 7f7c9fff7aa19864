package dev.tinyvm.engine.wasm;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * A module without the bodies of its functions, which are compiled: what is left says how to instantiate it. Parsing the bodies again would cost most
 * of the time in which a compiled module is loaded, and they would stay on the heap. Only for modules that were parsed and validated.
 */
final class ModuleSkeleton {
    private static final int HEADER_BYTES = 8;
    private static final int CUSTOM = 0;
    private static final int CODE = 10;
    private static final int DATA = 11;
    private static final int DATA_COUNT = 12;
    /** No locals, {@code unreachable}, {@code end}: whoever called it by mistake would trap. */
    private static final byte[] BODY = {3, 0, 0x00, 0x0b};

    private final byte[] wasm;
    private int at = HEADER_BYTES;

    private ModuleSkeleton(byte[] wasm) {
        this.wasm = wasm;
    }

    static byte[] of(byte[] wasm) {
        return new ModuleSkeleton(wasm).write();
    }

    /** The same without its data, for a memory that comes from a snapshot. */
    static byte[] withoutData(byte[] skeleton) {
        ModuleSkeleton from = new ModuleSkeleton(skeleton);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(skeleton, 0, HEADER_BYTES);
        while (from.at < skeleton.length) {
            int start = from.at;
            int id = skeleton[from.at++];
            int size = from.number();
            from.at += size;
            if (id != DATA && id != DATA_COUNT) {
                out.write(skeleton, start, from.at - start);
            }
        }
        return out.toByteArray();
    }

    private byte[] write() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(wasm, 0, HEADER_BYTES);
        while (at < wasm.length) {
            int start = at;
            int id = wasm[at++];
            int size = number();
            int end = at + size;
            if (id == CODE) {
                bodies(out);
            } else if (id != CUSTOM || isPrograms()) {
                out.write(wasm, start, end - start);
            }
            at = end;
        }
        return out.toByteArray();
    }

    private void bodies(ByteArrayOutputStream out) {
        int count = number();
        ByteArrayOutputStream code = new ByteArrayOutputStream();
        leb(code, count);
        for (int i = 0; i < count; i++) {
            code.writeBytes(BODY);
        }
        out.write(CODE);
        leb(out, code.size());
        out.writeBytes(code.toByteArray());
    }

    /** Of custom sections only the one that is read here matters. */
    private boolean isPrograms() {
        int before = at;
        int length = number();
        String name = new String(wasm, at, length, StandardCharsets.UTF_8);
        at = before;
        return name.equals(ModuleCache.PROGRAMS_SECTION);
    }

    private int number() {
        int value = 0;
        for (int shift = 0; ; shift += 7) {
            byte next = wasm[at++];
            value |= (next & 0x7f) << shift;
            if (next >= 0) {
                return value;
            }
        }
    }

    private static void leb(ByteArrayOutputStream out, int value) {
        int rest = value;
        while (rest > 0x7f) {
            out.write((rest & 0x7f) | 0x80);
            rest >>>= 7;
        }
        out.write(rest);
    }
}
