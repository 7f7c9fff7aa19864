package dev.tinyvm.spec;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** The published JSON Schemas (draft 2020-12), as they are in {@code spec/schema}. */
public final class Schemas {
    private Schemas() {}

    /** Of agent descriptors. */
    public static String agent() {
        return text("agent.schema.json");
    }

    /** Of the manager's configuration. */
    public static String manager() {
        return text("manager.schema.json");
    }

    private static String text(String name) {
        try (InputStream in = Schemas.class.getResourceAsStream("schema/" + name)) {
            if (in == null) {
                throw new IllegalStateException(
                        "the class path holds no dev/tinyvm/spec/schema/" + name + "; build the module spec again");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("could not read " + name, e);
        }
    }
}
