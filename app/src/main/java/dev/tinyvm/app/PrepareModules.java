package dev.tinyvm.app;

import dev.tinyvm.engine.wasm.WasmEngine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A step of the build: compiles the JavaScript runtime into the build's generation, so that no {@code run} has to. */
public final class PrepareModules {
    private PrepareModules() {}

    /** @param args the directory to fill */
    public static void main(String[] args) throws IOException {
        WasmEngine.prepare(Files.createDirectories(Path.of(args[0])));
    }
}
