package dev.tinyvm.images;

import java.util.List;

/**
 * What an import made.
 *
 * @param image as it is now stored
 * @param leftOut names that were not taken: device nodes in {@code dev/}, fifos, sockets, and what was mounted below the directory
 */
public record ImportResult(Image image, List<String> leftOut) {
    public ImportResult {
        leftOut = List.copyOf(leftOut);
    }
}
