package dev.tinyvm.images;

import java.util.List;

/**
 * What a collection removed.
 *
 * @param images names
 * @param blobs how many
 * @param freedBytes of blobs and of the images' files
 */
public record GcResult(List<String> images, int blobs, long freedBytes) {
    public GcResult {
        images = List.copyOf(images);
    }
}
