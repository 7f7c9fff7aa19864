package dev.tinyvm.app;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.wasm.WasmEngine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** Two steps of the build: the JavaScript runtime, and Python, compiled into the build's generation, so that no {@code run} has to. */
public final class PrepareModules {
    private PrepareModules() {}

    /**
     * Fills a directory.
     *
     * @param args {@code js DIRECTORY}, or {@code python DIRECTORY CACHE}: what is in the cache is copied, what is not is fetched and compiled into it first
     */
    public static void main(String[] args) throws IOException, InterruptedException {
        Path directory = Files.createDirectories(Path.of(args[1]));
        if (args[0].equals("js")) {
            WasmEngine.prepare(directory);
            return;
        }
        Path cache = Files.createDirectories(Path.of(args[2]));
        List<Path> files;
        try {
            files = WasmEngine.preparePython(cache, cache);
        } catch (IOException | EngineException | OutOfMemoryError e) {
            System.err.println("tinyvm: there will be no image python-wasi: " + e);
            System.exit(3);
            return;
        }
        for (Path file : files) {
            Files.copy(file, directory.resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
        }
    }
}
