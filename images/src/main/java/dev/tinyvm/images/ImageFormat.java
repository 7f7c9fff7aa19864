package dev.tinyvm.images;

/** How unpacked files lie on disk. */
public enum ImageFormat {
    /** {@link #EROFS} where the kernel mounts such a file and {@code mkfs.erofs} is there, else {@link #DIRECTORY}. */
    AUTO,
    /** As plain files. */
    DIRECTORY,
    /** As one compressed, read-only EROFS file, which the kernel mounts without a loop device (Linux 6.12). */
    EROFS
}
