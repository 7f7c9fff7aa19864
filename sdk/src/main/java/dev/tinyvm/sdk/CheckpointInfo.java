package dev.tinyvm.sdk;

import java.time.Instant;

/**
 * A Tiny VM on disk.
 *
 * @param vm id of the Tiny VM it was taken of, which may be gone
 * @param vmName and its name
 * @param image as in its descriptor
 * @param pinnedImage what its machine was made from
 * @param bytes on disk: memory, and what the files differ in from the image
 * @param owner name of the API key of whoever took it
 */
public record CheckpointInfo(
        String name,
        String vm,
        String vmName,
        String image,
        String pinnedImage,
        String engine,
        long bytes,
        Instant createdAt,
        String owner) {}
