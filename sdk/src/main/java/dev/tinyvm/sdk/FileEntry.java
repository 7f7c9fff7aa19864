package dev.tinyvm.sdk;

import java.time.Instant;
import java.util.Optional;

/**
 * A file, directory or link inside a VM.
 *
 * @param type {@code file}, {@code directory}, {@code symlink}, {@code other}
 * @param mode permission bits
 * @param path absolute from stat, relative to the listed directory from list
 */
public record FileEntry(
        String type,
        int mode,
        long size,
        int uid,
        int gid,
        Instant modifiedAt,
        String path,
        String owner,
        String group,
        Optional<String> linkTarget) {
    public boolean directory() {
        return type.equals("directory");
    }
}
