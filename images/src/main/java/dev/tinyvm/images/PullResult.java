package dev.tinyvm.images;

import java.util.List;

/**
 * What a pull brought.
 *
 * @param image as it is now stored
 * @param reference in full
 * @param digest what the registry gave: of the manifest, or of the index that it was chosen from
 * @param upToDate whether the image was there already
 * @param transferredBytes of blobs, as they were transferred
 * @param signedBy the file with the key that has signed it; empty: no policy asks for a signature
 * @param leftOut names that were not taken: device nodes in {@code dev/}, fifos
 */
public record PullResult(
        Image image,
        String reference,
        String digest,
        boolean upToDate,
        long transferredBytes,
        String signedBy,
        List<String> leftOut) {
    public PullResult {
        leftOut = List.copyOf(leftOut);
    }
}
