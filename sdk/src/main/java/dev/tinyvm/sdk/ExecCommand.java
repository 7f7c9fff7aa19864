package dev.tinyvm.sdk;

import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A command to run inside a VM.
 *
 * @param command program and arguments
 * @param env added to the VM's environment
 * @param workingDir empty: the user's home
 * @param user empty: the VM's default user
 * @param terminal window size when it shall have a terminal (sessions only)
 * @param stdin whether input will be written (sessions only)
 * @param detach whether it goes on when the connection ends (sessions only); else it gets SIGHUP, then SIGKILL
 * @param input standard input of {@link TinyVmClient#exec}; at most 4 MiB as JSON
 * @param timeout after which {@link TinyVmClient#exec} kills it
 * @param maxOutputBytes what {@link TinyVmClient#exec} keeps of stdout and of stderr, each
 */
@SuppressWarnings("ArrayRecordComponent") // bytes are handed over, not compared
public record ExecCommand(
        List<String> command,
        Map<String, String> env,
        String workingDir,
        String user,
        Optional<Window> terminal,
        boolean stdin,
        boolean detach,
        byte[] input,
        Duration timeout,
        int maxOutputBytes) {
    public static final Duration DEFAULT_TIMEOUT = Duration.ofMinutes(1);
    public static final int DEFAULT_MAX_OUTPUT_BYTES = 1 << 20;
    private static final byte[] NO_INPUT = {};

    public ExecCommand {
        command = List.copyOf(command);
        env = Collections.unmodifiableMap(new LinkedHashMap<>(env));
    }

    /** A plain command with defaults. */
    public static ExecCommand of(String... command) {
        return of(List.of(command));
    }

    /** A plain command with defaults. */
    public static ExecCommand of(List<String> command) {
        return new ExecCommand(
                command,
                Map.of(),
                "",
                "",
                Optional.empty(),
                false,
                false,
                NO_INPUT,
                DEFAULT_TIMEOUT,
                DEFAULT_MAX_OUTPUT_BYTES);
    }

    public ExecCommand withEnv(Map<String, String> added) {
        return new ExecCommand(
                command, added, workingDir, user, terminal, stdin, detach, input, timeout, maxOutputBytes);
    }

    public ExecCommand withWorkingDir(String directory) {
        return new ExecCommand(command, env, directory, user, terminal, stdin, detach, input, timeout, maxOutputBytes);
    }

    public ExecCommand withUser(String name) {
        return new ExecCommand(command, env, workingDir, name, terminal, stdin, detach, input, timeout, maxOutputBytes);
    }

    public ExecCommand withTerminal(Window window) {
        return new ExecCommand(
                command, env, workingDir, user, Optional.of(window), stdin, detach, input, timeout, maxOutputBytes);
    }

    public ExecCommand withStdin(boolean open) {
        return new ExecCommand(command, env, workingDir, user, terminal, open, detach, input, timeout, maxOutputBytes);
    }

    public ExecCommand withDetach(boolean goesOn) {
        return new ExecCommand(command, env, workingDir, user, terminal, stdin, goesOn, input, timeout, maxOutputBytes);
    }

    public ExecCommand withInput(byte[] bytes) {
        return new ExecCommand(command, env, workingDir, user, terminal, stdin, detach, bytes, timeout, maxOutputBytes);
    }

    public ExecCommand withTimeout(Duration limit) {
        return new ExecCommand(command, env, workingDir, user, terminal, stdin, detach, input, limit, maxOutputBytes);
    }

    public ExecCommand withMaxOutputBytes(int bytes) {
        return new ExecCommand(command, env, workingDir, user, terminal, stdin, detach, input, timeout, bytes);
    }

    /** Rows and columns of a terminal. */
    public record Window(int rows, int columns) {}
}
