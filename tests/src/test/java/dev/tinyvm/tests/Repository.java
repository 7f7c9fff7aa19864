package dev.tinyvm.tests;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where the sources lie. */
final class Repository {
    /** The directory that holds {@code tinyvm}, {@code pom.xml} and the documents. */
    static final Path ROOT = find();

    private Repository() {}

    private static Path find() {
        Path directory = Path.of("").toAbsolutePath();
        while (!Files.exists(directory.resolve("SPECIFICATION.md"))) {
            Path parent = directory.getParent();
            if (parent == null) {
                throw new IllegalStateException(
                        "no SPECIFICATION.md above " + Path.of("").toAbsolutePath());
            }
            directory = parent;
        }
        return directory;
    }
}
