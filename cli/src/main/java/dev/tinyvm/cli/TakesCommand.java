package dev.tinyvm.cli;

import dev.tinyvm.sdk.TinyVmException;

/** A command whose last arguments are a command inside a Tiny VM ({@code run}, {@code exec}): options end at the first plain word, exit codes are docker's. */
interface TakesCommand {
    /** What went wrong before the command inside could run. */
    static int exitCode(TinyVmException refused) {
        return switch (refused.code()) {
            case "command_not_found" -> ExitCode.NO_SUCH_PROGRAM;
            case "command_invalid" -> ExitCode.NOT_EXECUTABLE;
            default -> ExitCode.NOT_RUN;
        };
    }
}
