package dev.tinyvm.llm;

import java.io.IOException;
import java.nio.file.Path;

/** Where a provider's key comes from. Asked for each call, so that a key can be changed while running; never holds it in its own text. */
public interface KeySource {
    /** No key: a provider on this machine. */
    KeySource NONE = () -> "";

    /**
     * The key; empty when the provider needs none.
     *
     * @throws IOException there is none where it should be; the message says where and what to do, and never holds the key
     */
    String read() throws IOException;

    /** An environment variable of the manager. */
    static KeySource environment(String name) {
        return () -> {
            String value = System.getenv(name);
            if (value == null || value.isBlank()) {
                throw new IOException("the environment variable " + name
                        + " is not set; set it and start the manager again (sudo hides it: sudo --preserve-env=" + name
                        + " tinyvm up)");
            }
            return checked(value, "the environment variable " + name);
        };
    }

    /** A file that holds the key alone. */
    static KeySource file(Path path) {
        return new FileKey(path, "the key file " + path, "create it with the key alone in it");
    }

    /**
     * What {@code tinyvm secret set} has stored.
     *
     * @param directory of the secrets
     */
    static KeySource secret(Path directory, String name) {
        return new FileKey(
                directory.resolve(name), "the secret '" + name + "'", "store it with: tinyvm secret set " + name);
    }

    /** @throws IOException it is not one word of ASCII, as headers take it */
    static String checked(String text, String what) throws IOException {
        String key = text.strip();
        if (key.isEmpty() || key.chars().anyMatch(c -> c <= ' ' || c > '~')) {
            throw new IOException(what + " does not hold one key; put the key alone there");
        }
        return key;
    }
}
