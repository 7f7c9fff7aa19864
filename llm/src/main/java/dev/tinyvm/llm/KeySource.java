package dev.tinyvm.llm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where a provider's key comes from. It is read for each call, so that a key can be changed while running. */
public sealed interface KeySource {
    /** No key: a provider on this machine. */
    record None() implements KeySource {}

    /**
     * An environment variable of the manager.
     *
     * @param name of the variable
     */
    record Environment(String name) implements KeySource {}

    /**
     * A file that holds the key alone.
     *
     * @param path of the file
     */
    record KeyFile(Path path) implements KeySource {}

    /**
     * The key; empty for {@link None}.
     *
     * @throws IOException there is none where it should be; the message says where, and never holds the key
     */
    default String read() throws IOException {
        return switch (this) {
            case None() -> "";
            case Environment(String name) -> {
                String value = System.getenv(name);
                if (value == null || value.isBlank()) {
                    throw new IOException(
                            "the environment variable " + name + " is not set; set it and start the manager again");
                }
                yield value.strip();
            }
            case KeyFile(Path path) -> {
                String value;
                try {
                    value = Files.readString(path).strip();
                } catch (IOException e) {
                    throw new IOException(
                            "the key file " + path + " cannot be read; create it with the key alone in it", e);
                }
                if (value.isEmpty() || value.chars().anyMatch(c -> c <= ' ' || c > '~')) {
                    throw new IOException(
                            "the key file " + path + " does not hold one key; write the key alone into it");
                }
                yield value;
            }
        };
    }
}
