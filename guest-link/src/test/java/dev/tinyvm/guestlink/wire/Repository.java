package dev.tinyvm.guestlink.wire;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Finds files of the whole repository, wherever the test runs. */
final class Repository {
    private Repository() {}

    static Path file(String path) {
        @Nullable Path at = Path.of("").toAbsolutePath();
        while (at != null && !Files.exists(at.resolve("spec/guest-protocol.md"))) {
            at = at.getParent();
        }
        if (at == null) {
            throw new AssertionError("the tests must run inside of the repository");
        }
        return at.resolve(path);
    }
}
