package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** Files that come with the engine, beside its classes. */
final class OwnFile {
    private OwnFile() {}

    /** @param name below this package, such as {@code python/boot.py} @throws EngineException {@code UNAVAILABLE} when it is missing */
    static byte[] bytes(String name) {
        try (InputStream in = OwnFile.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new EngineException(
                        Code.UNAVAILABLE, "the engine's own file " + name + " is missing; rebuild it");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new EngineException(Code.UNAVAILABLE, "could not read the engine's own file " + name, e);
        }
    }

    /** As {@link #bytes}, in UTF-8. */
    static String text(String name) {
        return new String(bytes(name), StandardCharsets.UTF_8);
    }
}
