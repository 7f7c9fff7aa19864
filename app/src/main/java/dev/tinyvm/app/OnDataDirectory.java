package dev.tinyvm.app;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.cli.Shell;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** A command on files of the data directory, whether a manager runs there or not. */
abstract class OnDataDirectory implements Callable<Integer> {
    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Data directory (default: $TINYVM_DATA, else /var/lib/tinyvm).")
    @Nullable
    Path data;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;

    final Shell shell;
    private final String what;

    /** @param what the files are called, such as "the secrets" */
    OnDataDirectory(Shell shell, String what) {
        this.shell = shell;
        this.what = what;
    }

    abstract void run(Path directory) throws IOException;

    @Override
    public final Integer call() {
        Path directory = UpCommand.dataDirectory(shell, data);
        try {
            run(directory);
            return ExitCode.OK;
        } catch (AccessDeniedException e) {
            throw new CliException(
                    ExitCode.FAILED,
                    what + " in " + directory + " cannot be used: permission denied",
                    "Use sudo, or choose another data directory with --data");
        } catch (IOException e) {
            throw new CliException(ExitCode.FAILED, what + " in " + directory + " cannot be used: " + e.getMessage());
        }
    }
}
