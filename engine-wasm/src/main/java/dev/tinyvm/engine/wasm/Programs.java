package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/** From an image's name to what runs: a {@code .wasm} file, a {@code .js} or {@code .mjs} file, {@code js} or {@code python-wasi}. Thread safe. */
final class Programs {
    private final ModuleCache cache;
    private final QuickJs quickJs;
    private final Python python;

    Programs(ModuleCache cache) {
        this.cache = cache;
        this.quickJs = new QuickJs(cache);
        this.python = new Python(cache);
    }

    /** Whether the name is of a kind that runs here; the file may still be missing. */
    static boolean takes(String image) {
        return image.equals(JsProgram.NAME)
                || image.equals(PythonProgram.NAME)
                || image.endsWith(".wasm")
                || ScriptFiles.isPython(image)
                || isScript(image);
    }

    /** @throws EngineException {@code IMAGE} when it is missing or broken */
    Program load(String image) {
        if (image.equals(JsProgram.NAME)) {
            return new JsProgram(quickJs, "", java.util.Map.of());
        }
        if (image.equals(PythonProgram.NAME)) {
            return new PythonProgram(python.snapshot(), "", java.util.Map.of());
        }
        Path file = Path.of(image);
        String name = String.valueOf(file.getFileName());
        if (name.endsWith(".wasm")) {
            return new WasmProgram(cache.load(read(file, ModuleCache.MAX_MODULE_BYTES), name), name);
        }
        if (ScriptFiles.isPython(name)) {
            return new PythonProgram(
                    python.snapshot(), name, ScriptFiles.of(file).files());
        }
        if (isScript(name)) {
            return new JsProgram(quickJs, name, ScriptFiles.of(file).files());
        }
        throw new EngineException(
                Code.IMAGE,
                "could not use the image " + image
                        + " under the engine wasm: it takes a .wasm, .js or .py file, `js` or `python-wasi`;"
                        + " use `engine: container` for other images");
    }

    Python python() {
        return python;
    }

    private static boolean isScript(String name) {
        return name.endsWith(".js") || name.endsWith(".mjs");
    }

    private static byte[] read(Path file, int most) {
        try {
            // No link is followed: who chose the file has looked where it leads, and a guest may have changed it since.
            if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) || Files.size(file) > most) {
                throw new EngineException(
                        Code.IMAGE,
                        "could not use the image " + file + ": it is no regular file of at most " + most + " bytes");
            }
            try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
                byte[] all = in.readNBytes(most + 1);
                if (all.length > most) {
                    throw new EngineException(
                            Code.IMAGE, "could not use the image " + file + ": it grew beyond " + most + " bytes");
                }
                return all;
            }
        } catch (IOException e) {
            throw new EngineException(Code.IMAGE, "could not read the image " + file + ": " + e.getMessage(), e);
        }
    }
}
