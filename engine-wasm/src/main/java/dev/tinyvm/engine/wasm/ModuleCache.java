package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
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
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
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
    static final String PROGRAMS_SECTION = "tinyvm.programs";
    private static final int CHECKSUM_BYTES = 8;
    private static final int MAX_LOADED = 32;
    /** For one module; 2 MB of code take about ten seconds on a slow machine. */
    private static final Duration COMPILE_PATIENCE = Duration.ofSeconds(150);

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

    boolean has(String name) {
        return prepared.map(p -> Files.isRegularFile(p.resolve(name))).orElse(false)
                || Files.isRegularFile(directory.resolve(name));
    }

    /** A module of the engine's own that was kept without its data; null when it is not there. It can only be started from a snapshot. */
    @Nullable
    CompiledModule loadKept(String name, String digest) {
        byte[] kept = readData(name);
        return kept == null ? null : CompiledCode.read(kept).load(digest, true);
    }

    /** Compiles such a module and keeps it. @return the module with its data, for the making of the snapshot */
    CompiledModule keepWithoutData(String name, byte[] wasm, String digest) throws IOException {
        CompiledCode code = CompiledCode.compile(wasm, name, false);
        write(name, code.withoutData().bytes());
        return code.load(digest, false);
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
                throw e.getCause() instanceof EngineException known ? known : CompiledCode.broken(name, e);
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
        } catch (RuntimeException | IOException | InterruptedException | Error e) {
            loaded.remove(digest, mine);
            if (e instanceof InterruptedException) {
                Thread.currentThread().interrupt();
            }
            EngineException known = CompiledCode.broken(name, e);
            mine.completeExceptionally(known);
            throw known;
        }
    }

    private CompiledModule compile(byte[] wasm, String digest, String name, boolean ownImports)
            throws IOException, InterruptedException {
        String file = digest + "-" + CompiledCode.FORMAT + (ownImports ? "-own" : "") + ".module.sum";
        byte[] known = read(file);
        if (known != null) {
            try {
                // Its digest says that it was validated and checked when it was compiled.
                return CompiledCode.read(known).load(digest, true);
            } catch (RuntimeException | LinkageError e) {
                LOG.warn("the compiled module {} cannot be loaded and is compiled anew: {}", file, e.toString());
            }
        }
        long start = System.nanoTime();
        CompiledCode code = wasm.length <= CompileProcess.IN_PLACE_BYTES
                ? CompiledCode.compile(wasm, name, ownImports)
                : CompileProcess.compile(wasm, name, made(directory), COMPILE_PATIENCE);
        write(file, code.bytes());
        LOG.info("compiled {} ({} bytes) in {} ms", name, wasm.length, (System.nanoTime() - start) / 1_000_000);
        return code.load(digest, false);
    }

    /** Machines keep what they use; here no more than a bound is kept. */
    private void forgetSome(String newest) {
        loaded.entrySet()
                .removeIf(e -> loaded.size() > MAX_LOADED
                        && !e.getKey().equals(newest)
                        && e.getValue().isDone());
    }

    /** Names of commands in the module's own section. */
    static Set<String> programs(WasmModule module) {
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

    private static Path made(Path directory) throws IOException {
        Files.createDirectories(directory);
        if (directory.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
        }
        return directory;
    }

    private void write(String name, byte[] content) throws IOException {
        made(directory);
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

    static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("each JDK has SHA-256", e);
        }
    }
}
