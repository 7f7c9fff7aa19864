package dev.tinyvm.engine.wasm.split;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Cuts a module's functions that are too large for one method of the JVM. Only what a function does is kept, not how it looks: its locals, its
 * branches and its traps are the same; the new functions are appended, so that no number changes.
 */
public final class ModuleSplitter {
    /** Part of a cache's key: another way of cutting makes other modules. */
    public static final int VERSION = 2;

    private static final Logger LOG = LoggerFactory.getLogger(ModuleSplitter.class);
    private static final int HEADER_BYTES = 8;
    private static final int CUSTOM = 0;
    private static final int TYPE = 1;
    private static final int IMPORT = 2;
    private static final int FUNCTION = 3;
    private static final int CODE = 10;
    /**
     * Endive writes about 1.5 bytes of byte code for each of WebAssembly, and the JVM takes 65,535 in one method. No less than needed: QuickJS's main loop, of 37 KB, takes
     * 1.5 times as long when it is cut.
     */
    private static final int MOST_BYTES = 38 << 10;

    private final byte[] wasm;
    private final FunctionTypes types = new FunctionTypes();
    private final List<byte[]> codes = new ArrayList<>();
    private final List<byte[]> added = new ArrayList<>();
    private int cut;

    private final int mostBytes;

    private ModuleSplitter(byte[] wasm, int mostBytes) {
        this.wasm = wasm;
        this.mostBytes = mostBytes;
    }

    /**
     * Cuts what is too large.
     *
     * @param wasm a module that was parsed and validated
     * @return the module with smaller functions, without custom sections; the same array when there is nothing to cut, or nothing that could be cut
     */
    public static byte[] split(byte[] wasm) {
        return split(wasm, MOST_BYTES);
    }

    /** @param mostBytes of one function */
    static byte[] split(byte[] wasm, int mostBytes) {
        ModuleSplitter splitter = new ModuleSplitter(wasm, mostBytes);
        try {
            splitter.read();
        } catch (UnsupportedCode e) {
            LOG.info("the module's functions stay as they are: {}", e.getMessage());
            return wasm;
        }
        return splitter.cut == 0 ? wasm : splitter.write();
    }

    private void read() {
        sections((id, in) -> {
            switch (id) {
                case TYPE -> types.readTypes(in);
                case IMPORT -> imports(in);
                case FUNCTION -> {
                    int count = in.number();
                    for (int i = 0; i < count; i++) {
                        types.addFunction(in.number());
                    }
                }
                case CODE -> {
                    int count = in.number();
                    for (int i = 0; i < count; i++) {
                        code(i, in.part(in.number()));
                    }
                }
                default -> {}
            }
        });
    }

    private void imports(WasmBytes in) {
        int count = in.number();
        for (int i = 0; i < count; i++) {
            in.skip(in.number());
            in.skip(in.number());
            if (in.next() != 0) {
                throw new UnsupportedCode("it imports what is no function");
            }
            types.addImport(in.number());
        }
    }

    private void code(int index, WasmBytes in) {
        int start = in.position();
        byte[] whole = in.rest();
        if (whole.length <= mostBytes) {
            codes.add(whole);
            return;
        }
        FunctionTypes.Type type = types.ofDefined(index);
        List<byte[]> more = new ArrayList<>();
        int before = types.count();
        try {
            WasmBytes body = new WasmBytes(wasm, start, start + whole.length);
            List<Integer> locals = locals(type, body);
            FunctionSplitter splitter = new FunctionSplitter(types, type, locals, more::add);
            codes.add(splitter.split(BodyReader.read(types, body), mostBytes));
            added.addAll(more);
            cut++;
        } catch (UnsupportedCode e) {
            LOG.info("function {} of {} bytes stays as it is: {}", index, whole.length, e.getMessage());
            types.forget(before);
            codes.add(whole);
        }
    }

    private static List<Integer> locals(FunctionTypes.Type type, WasmBytes in) {
        List<Integer> locals = new ArrayList<>(type.parameters());
        int groups = in.number();
        for (int i = 0; i < groups; i++) {
            int count = in.number();
            int value = FunctionTypes.value(in.next());
            if (count > 50_000 - locals.size()) {
                throw new UnsupportedCode("it has too many locals");
            }
            for (int k = 0; k < count; k++) {
                locals.add(value);
            }
        }
        return locals;
    }

    private byte[] write() {
        ByteArrayOutputStream out = new ByteArrayOutputStream(wasm.length);
        out.write(wasm, 0, HEADER_BYTES);
        sections((id, in) -> {
            switch (id) {
                case CUSTOM -> {
                    byte[] content = in.rest();
                    if (content.length < 4096) {
                        section(out, id, content);
                    }
                }
                case TYPE -> section(out, id, types.writeTypes());
                case FUNCTION -> section(out, id, types.writeFunctions());
                case CODE -> {
                    ByteArrayOutputStream all = new ByteArrayOutputStream();
                    WasmBytes.number(all, codes.size() + added.size());
                    codes.forEach(code -> sized(all, code));
                    added.forEach(code -> sized(all, code));
                    section(out, id, all.toByteArray());
                }
                default -> section(out, id, in.rest());
            }
        });
        return out.toByteArray();
    }

    private void sections(Section section) {
        WasmBytes in = new WasmBytes(wasm, HEADER_BYTES, wasm.length);
        while (in.more()) {
            int id = in.next();
            section.read(id, in.part(in.number()));
        }
    }

    private static void section(ByteArrayOutputStream out, int id, byte[] content) {
        out.write(id);
        sized(out, content);
    }

    private static void sized(ByteArrayOutputStream out, byte[] content) {
        WasmBytes.number(out, content.length);
        out.writeBytes(content);
    }

    @FunctionalInterface
    private interface Section {
        void read(int id, WasmBytes in);
    }
}
