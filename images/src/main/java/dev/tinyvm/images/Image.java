package dev.tinyvm.images;

import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One image, as it is stored.
 *
 * @param name {@code host}, or what it was imported as
 * @param digest {@code sha256:} and 64 hexadecimal digits: of the uncompressed archive, or of a walk over the imported directory
 * @param sizeBytes bytes of its files, hard links counted once; 0 for {@code host}, which stores nothing
 * @param createdAt when it was imported; for {@code host} when the machine's {@code /usr} last changed
 * @param defaultUser user of commands that name none
 * @param env environment of every command, before the descriptor's
 * @param workingDir absolute directory of commands that name none; empty: the user's home
 * @param command program and arguments when the descriptor names none; may be empty
 */
public record Image(
        String name,
        String digest,
        long sizeBytes,
        Instant createdAt,
        String defaultUser,
        Map<String, String> env,
        String workingDir,
        List<String> command) {
    public Image {
        env = Collections.unmodifiableMap(new LinkedHashMap<>(env));
        command = List.copyOf(command);
    }
}
