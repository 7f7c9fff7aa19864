package dev.tinyvm.engine;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A command to start.
 *
 * @param command program and arguments, at least one
 * @param env added to the basic environment (HOME, USER, PATH, …)
 * @param workingDir directory inside; empty: the user's home
 * @param user name or uid inside; empty: the machine's default user
 * @param terminal window size when the command gets a terminal
 * @param stdin whether input will be written; otherwise it reads /dev/null
 * @param tag the caller's own word, comes back in {@link ProcessInfo}; {@code main} is the descriptor's command
 */
public record ExecRequest(
        List<String> command,
        Map<String, String> env,
        String workingDir,
        String user,
        Optional<WindowSize> terminal,
        boolean stdin,
        String tag) {
    public ExecRequest {
        command = List.copyOf(command);
        env = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(env));
    }

    /** A plain command with no input. */
    public static ExecRequest of(String... command) {
        return new ExecRequest(List.of(command), Map.of(), "", "", Optional.empty(), false, "");
    }

    /** Rows and columns of a terminal. */
    public record WindowSize(int rows, int columns) {}
}
