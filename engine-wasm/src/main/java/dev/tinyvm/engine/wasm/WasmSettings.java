package dev.tinyvm.engine.wasm;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * Where and how a {@link WasmEngine} works.
 *
 * @param workDirectory one directory for each machine is made here, and removed with it
 * @param cacheDirectory compiled modules; what is in it runs inside the JVM, so only its owner may write to it
 * @param heapBytes what all guests together may hold of the JVM's heap
 * @param wallClock how long one command may run; empty: as long as it likes
 */
public record WasmSettings(Path workDirectory, Path cacheDirectory, long heapBytes, Optional<Duration> wallClock) {
    /** Three fifths of the largest heap for guests, no wall-clock limit. @param dataDirectory the manager's */
    public static WasmSettings under(Path dataDirectory) {
        return new WasmSettings(
                dataDirectory.resolve("wasm/vms"),
                dataDirectory.resolve("wasm/cache"),
                Runtime.getRuntime().maxMemory() / 5 * 3,
                Optional.empty());
    }
}
