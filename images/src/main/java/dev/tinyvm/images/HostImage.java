package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/** This machine's own programs, as the spawner shows them; nothing is stored. */
final class HostImage {
    static final String NAME = "host";

    private HostImage() {}

    /** Its digest changes when the distribution, {@code /usr} or the list of installed packages does. */
    static Image of() {
        MessageDigest digest = Digest.sha256();
        Instant changed = Instant.EPOCH;
        for (String file : List.of(
                "/etc/os-release", "/usr", "/usr/bin", "/usr/lib", "/var/lib/dpkg/status", "/usr/lib/sysimage/rpm")) {
            try {
                Path path = Path.of(file);
                Instant modified = Files.getLastModifiedTime(path).toInstant();
                digest.update((file + " " + modified + "\n").getBytes(java.nio.charset.StandardCharsets.UTF_8));
                if (file.equals("/etc/os-release")) {
                    digest.update(Files.readAllBytes(path));
                }
                if (modified.isAfter(changed)) {
                    changed = modified;
                }
            } catch (IOException e) {
                // Not every distribution has each of them; that one is absent is part of the digest.
                digest.update((file + " absent\n").getBytes(java.nio.charset.StandardCharsets.UTF_8));
            }
        }
        return new Image(
                NAME,
                Digest.of(digest).toString(),
                0,
                changed,
                "user",
                Map.of(),
                "",
                List.of(),
                List.of(),
                List.of(),
                List.of(),
                List.of());
    }
}
