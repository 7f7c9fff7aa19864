package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.wasm.split.ModuleSplitter;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import run.endive.compiler.Cache;
import run.endive.compiler.InterpreterFallback;
import run.endive.compiler.MachineFactoryCompiler;
import run.endive.runtime.Instance;
import run.endive.runtime.Machine;
import run.endive.wasm.Parser;
import run.endive.wasm.WasmEngineException;
import run.endive.wasm.WasmModule;

/**
 * A module as it is kept: what says how to instantiate it, and its functions as classes. Nothing is ever interpreted: an interpreter's frames would be on
 * the heap that all guests share, out of reach of every limit.
 *
 * @param skeleton the module without its functions' bodies
 * @param jar the compiled functions, with checkpoints
 */
@SuppressWarnings("ArrayRecordComponent")
record CompiledCode(byte[] skeleton, byte[] jar) {
    /** What the kept classes depend on beside the module. */
    static final String FORMAT = "endive-1.0.0-" + CheckpointRewriter.VERSION + "-" + ModuleSplitter.VERSION + "-2";

    /**
     * Parses, validates, checks, cuts and compiles.
     *
     * @param ownImports whether the engine offers this module functions that others do not get
     * @throws EngineException {@code IMAGE} with what is wrong with it
     */
    @SuppressWarnings("ReferenceEquality") // The same array: nothing was cut.
    static CompiledCode compile(byte[] wasm, String name, boolean ownImports) {
        try {
            WasmModule module = parse(wasm, true);
            ModuleRules.check(module, name);
            if (!ownImports) {
                ModuleRules.checkImports(module, name);
            }
            byte[] cut = ModuleSplitter.split(wasm);
            // Validated again: whatever the cutting did, it is a module like every other.
            WasmModule smaller = cut == wasm ? module : parse(cut, true);
            return new CompiledCode(ModuleSkeleton.of(cut), classes(smaller, name));
        } catch (EngineException e) {
            throw e;
        } catch (RuntimeException | IOException | StackOverflowError e) {
            // Overflows too: a hostile module makes the parser and the compiler fail in each of these ways.
            throw broken(name, e);
        }
    }

    private static byte[] classes(WasmModule module, String name) throws IOException {
        Memo memo = new Memo(null);
        try {
            code(module, memo);
        } catch (WasmEngineException e) {
            throw new EngineException(
                    Code.IMAGE,
                    "could not prepare " + name
                            + ": one of its functions is too large for the JVM and cannot be cut into"
                            + " smaller ones (" + e.getMessage() + "); compile it with -Os, or split that function",
                    e);
        }
        byte[] jar = memo.content;
        if (jar == null) {
            throw new IllegalStateException("Endive compiled the module, but gave no classes");
        }
        return CheckpointRewriter.rewrite(jar);
    }

    /** Ready to run. @param fromCache whether it was read from disk */
    CompiledModule load(String digest, boolean fromCache) {
        WasmModule module = parse(skeleton, false);
        return new CompiledModule(digest, module, code(module, new Memo(jar)), ModuleCache.programs(module), fromCache);
    }

    /** The same for a memory that comes from a snapshot. */
    CompiledCode withoutData() {
        return new CompiledCode(ModuleSkeleton.withoutData(skeleton), jar);
    }

    byte[] bytes() {
        return ByteBuffer.allocate(4 + skeleton.length + jar.length)
                .putInt(skeleton.length)
                .put(skeleton)
                .put(jar)
                .array();
    }

    static CompiledCode read(byte[] bytes) {
        ByteBuffer in = ByteBuffer.wrap(bytes);
        byte[] skeleton = new byte[Objects.checkIndex(in.getInt(), bytes.length)];
        in.get(skeleton);
        byte[] jar = new byte[in.remaining()];
        in.get(jar);
        return new CompiledCode(skeleton, jar);
    }

    static EngineException broken(String name, Throwable cause) {
        return new EngineException(
                Code.IMAGE,
                "could not prepare " + name + ": it is no WebAssembly module that can run here (" + cause.getMessage()
                        + "); build it for wasm32-wasi (preview 1)",
                cause);
    }

    private static WasmModule parse(byte[] wasm, boolean validate) {
        return Parser.builder().withValidation(validate).build().parse(() -> new ByteArrayInputStream(wasm));
    }

    private static Function<Instance, Machine> code(WasmModule module, Memo memo) {
        return MachineFactoryCompiler.builder(module)
                .withInterpreterFallback(InterpreterFallback.FAIL)
                .withCache(memo)
                .compile();
    }

    /** What Endive reads compiled classes from and writes them to. */
    private static final class Memo implements Cache {
        private byte @Nullable [] content;

        private Memo(byte @Nullable [] content) {
            this.content = content;
        }

        @Override
        @SuppressWarnings("NullAway") // Endive's contract is null for "not there"; its interface carries no annotation.
        public byte[] get(String key) {
            return content;
        }

        @Override
        public void putIfAbsent(String key, byte[] data) {
            content = data;
        }
    }
}
