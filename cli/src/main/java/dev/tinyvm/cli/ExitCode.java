package dev.tinyvm.cli;

/** What the process ends with. {@code run} and {@code exec} end with their command's own status, and use docker's three numbers for what went wrong before. */
public final class ExitCode {
    public static final int OK = 0;
    public static final int FAILED = 1;
    /** The command line makes no sense. */
    public static final int USAGE = 2;
    /** {@code run}, {@code exec}: TinyVM itself failed, the command never ran. */
    public static final int NOT_RUN = 125;
    /** {@code run}, {@code exec}: the program is there and cannot be executed. */
    public static final int NOT_EXECUTABLE = 126;
    /** {@code run}, {@code exec}: there is no such program. */
    public static final int NO_SUCH_PROGRAM = 127;

    private ExitCode() {}
}
