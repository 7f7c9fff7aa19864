package dev.tinyvm.images;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What an importer says about an image beyond its files.
 *
 * @param defaultUser user of commands that name none
 * @param env environment of every command
 * @param workingDir absolute, or empty for the user's home
 * @param command may be empty
 */
public record ImageConfig(String defaultUser, Map<String, String> env, String workingDir, List<String> command) {
    /** Root, as in a fresh root file system, and nothing else. */
    public static final ImageConfig DEFAULT = new ImageConfig("root", Map.of(), "", List.of());

    public ImageConfig {
        env = Collections.unmodifiableMap(new LinkedHashMap<>(env));
        command = List.copyOf(command);
    }
}
