package dev.tinyvm.engine.wasm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Keeps the cache on disk within its bound. Another process may prune at the same time: a file that is gone is fine. */
final class CachePruning {
    private CachePruning() {}

    /** Removes the files that were used longest ago until no more than so many bytes are left. The newest stays in any case. */
    static void prune(Path directory, long mostBytes) throws IOException {
        List<Used> files = new ArrayList<>();
        try (Stream<Path> all = Files.list(directory)) {
            for (Path file :
                    all.filter(f -> f.getFileName().toString().endsWith(".sum")).toList()) {
                try {
                    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
                    files.add(new Used(
                            file,
                            attributes.size(),
                            attributes.lastModifiedTime().toMillis()));
                } catch (java.nio.file.NoSuchFileException e) {
                    // Pruned by another process.
                }
            }
        }
        files.sort(Comparator.comparingLong(Used::atMillis).reversed());
        long kept = 0;
        for (int i = 0; i < files.size(); i++) {
            kept += files.get(i).bytes();
            if (i > 0 && kept > mostBytes) {
                Files.deleteIfExists(files.get(i).file());
            }
        }
    }

    private record Used(Path file, long bytes, long atMillis) {}
}
