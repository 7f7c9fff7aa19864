package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import run.endive.compiler.Cache;
import run.endive.compiler.InterpreterFallback;
import run.endive.compiler.MachineFactoryCompiler;
import run.endive.runtime.Instance;
import run.endive.runtime.Machine;
import run.endive.wasm.Parser;
import run.endive.wasm.WasmModule;
import run.endive.wasm.types.UnknownCustomSection;

/**
 * Compiled modules by digest, in memory and on disk. A file is the SHA-256 of the rest and a jar of rewritten classes; a damaged one is
 * compiled anew. What is in this directory runs inside the JVM: only its owner may write to it. Thread safe; a module is compiled once, however
 * many ask for it at the same time.
 */
final class ModuleCache {
    static final int MAX_MODULE_BYTES = 64 << 20;
    private static final Logger LOG = LoggerFactory.getLogger(ModuleCache.class);
    private static final String ENDIVE = "endive-1.0.0";
    private static final int HASH_BYTES = 32;

    private static final int MAX_LOADED = 32;

    private final Path directory;
    private final Map<String, CompletableFuture<CompiledModule>> loaded = new ConcurrentHashMap<>();

    ModuleCache(Path directory) {
        this.directory = directory;
    }

    /** @throws EngineException {@code IMAGE} when it is no module that can run here */
    CompiledModule load(byte[] wasm, String name) {
        return load(wasm, name, false);
    }

    /** As {@link #load(byte[], String)}. @param ownImports whether the engine offers this module functions that others do not get */
    CompiledModule load(byte[] wasm, String name, boolean ownImports) {
        String digest = HexFormat.of().formatHex(sha256(wasm));
        CompletableFuture<CompiledModule> mine = new CompletableFuture<>();
        CompletableFuture<CompiledModule> there = loaded.putIfAbsent(digest, mine);
        if (there != null) {
            try {
                return there.join();
            } catch (CompletionException e) {
                throw e.getCause() instanceof EngineException known ? known : broken(name, e);
            }
        }
        try {
            CompiledModule module = compile(wasm, digest, name, ownImports);
            mine.complete(module);
            forgetSome(digest);
            return module;
        } catch (EngineException e) {
            loaded.remove(digest, mine);
            mine.completeExceptionally(e);
            throw e;
        } catch (RuntimeException | IOException | Error e) {
            // Error too: a hostile module makes the parser and the compiler fail in each of these ways.
            loaded.remove(digest, mine);
            EngineException known = broken(name, e);
            mine.completeExceptionally(known);
            throw known;
        }
    }

    private CompiledModule compile(byte[] wasm, String digest, String name, boolean ownImports) throws IOException {
        WasmModule module =
                Parser.builder().withValidation(true).build().parse(() -> new java.io.ByteArrayInputStream(wasm));
        ModuleRules.check(module, name);
        if (!ownImports) {
            ModuleRules.checkImports(module, name);
        }
        Path file = directory.resolve(digest + "-" + ENDIVE + "-" + CheckpointRewriter.VERSION + ".jar.sum");
        byte[] known = read(file);
        if (known != null) {
            try {
                return compiled(digest, module, code(module, new Memo(known)), true);
            } catch (RuntimeException | LinkageError e) {
                LOG.warn("the compiled module {} cannot be loaded and is compiled anew: {}", file, e.toString());
            }
        }
        long start = System.nanoTime();
        Memo memo = new Memo(null);
        code(module, memo);
        byte[] jar = memo.content;
        if (jar == null) {
            throw new IllegalStateException("Endive compiled the module, but gave no classes");
        }
        byte[] rewritten = CheckpointRewriter.rewrite(jar);
        write(file, rewritten);
        LOG.info("compiled {} ({} bytes) in {} ms", name, wasm.length, (System.nanoTime() - start) / 1_000_000);
        return compiled(digest, module, code(module, new Memo(rewritten)), false);
    }

    /** Machines keep what they use; here no more than a bound is kept. */
    private void forgetSome(String newest) {
        loaded.entrySet()
                .removeIf(e -> loaded.size() > MAX_LOADED
                        && !e.getKey().equals(newest)
                        && e.getValue().isDone());
    }

    private static CompiledModule compiled(
            String digest, WasmModule module, Function<Instance, Machine> code, boolean fromCache) {
        return new CompiledModule(digest, module, code, programs(module), fromCache);
    }

    private static Function<Instance, Machine> code(WasmModule module, Memo memo) {
        return MachineFactoryCompiler.builder(module)
                .withInterpreterFallback(InterpreterFallback.SILENT)
                .withCache(memo)
                .compile();
    }

    private static Set<String> programs(WasmModule module) {
        if (module.customSection("tinyvm.programs") instanceof UnknownCustomSection section) {
            return Set.of(Arrays.stream(new String(section.bytes(), StandardCharsets.UTF_8).split("\\s+"))
                    .filter(n -> !n.isEmpty())
                    .distinct()
                    .toArray(String[]::new));
        }
        return Set.of();
    }

    private byte @Nullable [] read(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            return null;
        }
        byte[] all = Files.readAllBytes(file);
        if (all.length > HASH_BYTES) {
            byte[] jar = Arrays.copyOfRange(all, HASH_BYTES, all.length);
            if (MessageDigest.isEqual(Arrays.copyOf(all, HASH_BYTES), sha256(jar))) {
                return jar;
            }
        }
        LOG.warn("the compiled module {} is damaged and is compiled anew", file);
        return null;
    }

    private void write(Path file, byte[] jar) throws IOException {
        Files.createDirectories(directory);
        if (directory.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
        }
        Path temporary = Files.createTempFile(directory, "new-", ".tmp");
        try {
            byte[] all = Arrays.copyOf(sha256(jar), HASH_BYTES + jar.length);
            System.arraycopy(jar, 0, all, HASH_BYTES, jar.length);
            Files.write(temporary, all);
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    private static EngineException broken(String name, Throwable cause) {
        return new EngineException(
                Code.IMAGE,
                "could not prepare " + name + ": it is no WebAssembly module that can run here (" + cause.getMessage()
                        + "); build it for wasm32-wasi (preview 1)",
                cause);
    }

    static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("each JDK has SHA-256", e);
        }
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
