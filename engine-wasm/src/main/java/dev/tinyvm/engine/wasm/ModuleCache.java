package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import run.endive.compiler.Cache;
import run.endive.compiler.InterpreterFallback;
import run.endive.compiler.MachineFactoryCompiler;
import run.endive.runtime.Instance;
import run.endive.runtime.Machine;
import run.endive.wasm.Parser;
import run.endive.wasm.WasmEngineException;
import run.endive.wasm.WasmModule;
import run.endive.wasm.types.UnknownCustomSection;

/**
 * Compiled modules by digest, in memory and on disk. A file is a checksum, the module without its functions, and a jar of rewritten classes; a damaged one is
 * compiled anew. What is in this directory runs inside the JVM: only its owner may write to it. Thread safe; a module is compiled once, however
 * many ask for it at the same time.
 */
final class ModuleCache {
    static final int MAX_MODULE_BYTES = 64 << 20;
    private static final Logger LOG = LoggerFactory.getLogger(ModuleCache.class);
    private static final String ENDIVE = "endive-1.0.0";
    static final String PROGRAMS_SECTION = "tinyvm.programs";
    private static final int CHECKSUM_BYTES = 8;
    private static final int MAX_LOADED = 32;

    /** What is kept on disk; the files that were not used for the longest time go first. */
    static final long MAX_CACHE_BYTES = 512L << 20;

    private final Path directory;
    private final Optional<Path> prepared;
    private final Map<String, CompletableFuture<CompiledModule>> loaded = new ConcurrentHashMap<>();

    ModuleCache(Path directory) {
        this(directory, Optional.empty());
    }

    /** @param prepared looked at first, never written to */
    ModuleCache(Path directory, Optional<Path> prepared) {
        this.directory = directory;
        this.prepared = prepared;
    }

    /** Something else that is kept beside the modules, with the same checksum; null when it is not there. */
    byte @Nullable [] readData(String name) {
        try {
            return read(name);
        } catch (IOException e) {
            LOG.warn("{} cannot be read from the cache: {}", name, e.getMessage());
            return null;
        }
    }

    void writeData(String name, byte[] content) throws IOException {
        write(name, content);
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
        String file =
                digest + "-" + ENDIVE + "-" + CheckpointRewriter.VERSION + (ownImports ? "-own" : "") + ".module.sum";
        byte[] known = read(file);
        if (known != null) {
            try {
                // Its digest says that it was validated and checked when it was compiled.
                return compiled(digest, Stored.read(known, wasm), true);
            } catch (RuntimeException | LinkageError e) {
                LOG.warn("the compiled module {} cannot be loaded and is compiled anew: {}", file, e.toString());
            }
        }
        WasmModule module = parse(wasm, true);
        ModuleRules.check(module, name);
        if (!ownImports) {
            ModuleRules.checkImports(module, name);
        }
        long start = System.nanoTime();
        Stored stored = stored(wasm, module);
        write(file, stored.bytes());
        LOG.info("compiled {} ({} bytes) in {} ms", name, wasm.length, (System.nanoTime() - start) / 1_000_000);
        return compiled(digest, stored, false);
    }

    /** With the bodies of all functions when the JVM has no room for one of them as a method, so that it must be interpreted. */
    private static Stored stored(byte[] wasm, WasmModule module) throws IOException {
        try {
            return new Stored(ModuleSkeleton.of(wasm), classes(module, InterpreterFallback.FAIL), false);
        } catch (WasmEngineException e) {
            return new Stored(wasm, classes(module, InterpreterFallback.SILENT), true);
        }
    }

    private static byte[] classes(WasmModule module, InterpreterFallback fallback) throws IOException {
        Memo memo = new Memo(null);
        code(module, memo, fallback);
        byte[] jar = memo.content;
        if (jar == null) {
            throw new IllegalStateException("Endive compiled the module, but gave no classes");
        }
        return CheckpointRewriter.rewrite(jar);
    }

    private static WasmModule parse(byte[] wasm, boolean validate) {
        return Parser.builder().withValidation(validate).build().parse(() -> new java.io.ByteArrayInputStream(wasm));
    }

    /** Machines keep what they use; here no more than a bound is kept. */
    private void forgetSome(String newest) {
        loaded.entrySet()
                .removeIf(e -> loaded.size() > MAX_LOADED
                        && !e.getKey().equals(newest)
                        && e.getValue().isDone());
    }

    private static CompiledModule compiled(String digest, Stored stored, boolean fromCache) {
        WasmModule module = parse(stored.wasm(), false);
        return new CompiledModule(
                digest,
                module,
                code(module, new Memo(stored.jar()), InterpreterFallback.SILENT),
                programs(module),
                fromCache);
    }

    private static Function<Instance, Machine> code(WasmModule module, Memo memo, InterpreterFallback fallback) {
        return MachineFactoryCompiler.builder(module)
                .withInterpreterFallback(fallback)
                .withCache(memo)
                .compile();
    }

    private static Set<String> programs(WasmModule module) {
        if (module.customSection(PROGRAMS_SECTION) instanceof UnknownCustomSection section) {
            return Set.of(Arrays.stream(new String(section.bytes(), StandardCharsets.UTF_8).split("\\s+"))
                    .filter(n -> !n.isEmpty())
                    .distinct()
                    .toArray(String[]::new));
        }
        return Set.of();
    }

    private byte @Nullable [] read(String name) throws IOException {
        if (prepared.isPresent()) {
            byte[] content = read(prepared.get().resolve(name));
            if (content != null) {
                return content;
            }
        }
        Path own = directory.resolve(name);
        byte[] content = read(own);
        if (content != null) {
            Files.setLastModifiedTime(own, FileTime.from(Instant.now()));
        }
        return content;
    }

    private static byte @Nullable [] read(Path file) throws IOException {
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            return null;
        }
        byte[] all = Files.readAllBytes(file);
        if (all.length > CHECKSUM_BYTES
                && ByteBuffer.wrap(all).getLong() == checksum(all, CHECKSUM_BYTES, all.length - CHECKSUM_BYTES)) {
            return Arrays.copyOfRange(all, CHECKSUM_BYTES, all.length);
        }
        LOG.warn("{} in the cache is damaged and is made anew", file);
        return null;
    }

    private void write(String name, byte[] content) throws IOException {
        Files.createDirectories(directory);
        if (directory.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
        }
        Path temporary = Files.createTempFile(directory, "new-", ".tmp");
        try {
            byte[] all = new byte[CHECKSUM_BYTES + content.length];
            ByteBuffer.wrap(all).putLong(checksum(content, 0, content.length)).put(content);
            Files.write(temporary, all);
            Files.move(
                    temporary,
                    directory.resolve(name),
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(temporary);
        }
        CachePruning.prune(directory, MAX_CACHE_BYTES);
    }

    /** Against damage, not against a forger, who could write a fitting one: the directory is for its owner alone. */
    private static long checksum(byte[] bytes, int offset, int length) {
        CRC32 sum = new CRC32();
        sum.update(bytes, offset, length);
        return (long) length << 32 ^ sum.getValue();
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

    /**
     * A module as it is kept.
     *
     * @param wasm to be parsed; without the functions' bodies unless some are interpreted
     * @param jar the compiled functions
     * @param whole whether {@code wasm} is the original, which is not stored a second time
     */
    @SuppressWarnings("ArrayRecordComponent")
    private record Stored(byte[] wasm, byte[] jar, boolean whole) {
        byte[] bytes() {
            byte[] own = whole ? new byte[0] : wasm;
            return ByteBuffer.allocate(4 + own.length + jar.length)
                    .putInt(own.length)
                    .put(own)
                    .put(jar)
                    .array();
        }

        static Stored read(byte[] bytes, byte[] original) {
            ByteBuffer in = ByteBuffer.wrap(bytes);
            byte[] own = new byte[Objects.checkIndex(in.getInt(), bytes.length)];
            in.get(own);
            byte[] jar = new byte[in.remaining()];
            in.get(jar);
            return own.length == 0 ? new Stored(original, jar, true) : new Stored(own, jar, false);
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
