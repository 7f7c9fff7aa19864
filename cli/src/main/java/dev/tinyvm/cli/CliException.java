package dev.tinyvm.cli;

import java.util.List;

/** A command cannot go on. The message says what was attempted and what was wrong; the hints, one a line, what to do. */
public final class CliException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final int exitCode;
    private final transient List<String> hints;

    /** @param exitCode one of {@link ExitCode} */
    public CliException(int exitCode, String message, String... hints) {
        super(message);
        this.exitCode = exitCode;
        this.hints = List.of(hints);
    }

    public int exitCode() {
        return exitCode;
    }

    public List<String> hints() {
        return hints;
    }
}
