package dev.tinyvm.images;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What is said about an image beyond its files: by an importer, or by the image's own configuration.
 *
 * @param defaultUser user of commands that name none; a name or an id, perhaps with {@code :group}
 * @param env environment of every command
 * @param workingDir absolute, or empty for the user's home
 * @param command may be empty
 * @param entrypoint what stands before the command; may be empty
 */
public record ImageConfig(
        String defaultUser, Map<String, String> env, String workingDir, List<String> command, List<String> entrypoint) {
    /** Root, as in a fresh root file system, and nothing else. */
    public static final ImageConfig DEFAULT = new ImageConfig("root", Map.of(), "", List.of());

    public ImageConfig {
        env = Collections.unmodifiableMap(new LinkedHashMap<>(env));
        command = List.copyOf(command);
        entrypoint = List.copyOf(entrypoint);
    }

    /** Without an entrypoint. */
    public ImageConfig(String defaultUser, Map<String, String> env, String workingDir, List<String> command) {
        this(defaultUser, env, workingDir, command, List.of());
    }
}
