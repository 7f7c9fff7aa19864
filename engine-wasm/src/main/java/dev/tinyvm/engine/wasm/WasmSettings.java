package dev.tinyvm.engine.wasm;

import java.nio.file.Path;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;
import javax.net.ssl.SSLContext;

/**
 * Where and how a {@link WasmEngine} works.
 *
 * @param workDirectory one directory for each machine is made here, and removed with it
 * @param cacheDirectory compiled modules; what is in it runs inside the JVM, so only its owner may write to it
 * @param prepared modules that the build has compiled, as trusted as the program's own jars; only read; empty: none
 * @param heapBytes what all guests together may hold of the JVM's heap
 * @param wallClock how long one command may run; empty: as long as it likes
 * @param tls whom to trust when the host speaks TLS for a guest
 */
public record WasmSettings(
        Path workDirectory,
        Path cacheDirectory,
        Optional<Path> prepared,
        long heapBytes,
        Optional<Duration> wallClock,
        Supplier<SSLContext> tls) {
    public WasmSettings(Path workDirectory, Path cacheDirectory, long heapBytes, Optional<Duration> wallClock) {
        this(workDirectory, cacheDirectory, Optional.empty(), heapBytes, wallClock, WasmSettings::ownTrust);
    }

    /** Three fifths of the largest heap for guests, no wall-clock limit, the JVM's own trust store. @param dataDirectory the manager's */
    public static WasmSettings under(Path dataDirectory) {
        return new WasmSettings(
                dataDirectory.resolve("wasm/vms"),
                dataDirectory.resolve("wasm/cache"),
                Runtime.getRuntime().maxMemory() / 5 * 3,
                Optional.empty());
    }

    public WasmSettings withCache(Path directory) {
        return new WasmSettings(workDirectory, directory, prepared, heapBytes, wallClock, tls);
    }

    public WasmSettings withPrepared(Path directory) {
        return new WasmSettings(workDirectory, cacheDirectory, Optional.of(directory), heapBytes, wallClock, tls);
    }

    public WasmSettings withTls(Supplier<SSLContext> context) {
        return new WasmSettings(workDirectory, cacheDirectory, prepared, heapBytes, wallClock, context);
    }

    private static SSLContext ownTrust() {
        try {
            return SSLContext.getDefault();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("each JDK has a default TLS context", e);
        }
    }
}
