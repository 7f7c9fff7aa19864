package dev.tinyvm.e2b.envd;

import dev.tinyvm.e2b.E2bError;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** For walls that cannot reach extended attributes: nothing is found, and storing is refused rather than forgotten. */
final class NoMetadata implements FileMetadata {
    @Override
    public List<Map<String, String>> read(Session session, List<String> paths) {
        return Collections.nCopies(paths.size(), Map.of());
    }

    @Override
    public void replace(Session session, String path, Map<String, String> words) {
        if (!words.isEmpty()) {
            throw E2bError.notBuilt("metadata of files");
        }
    }
}
