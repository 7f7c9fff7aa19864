package dev.tinyvm.app;

import dev.tinyvm.cli.ExitCode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code tinyvm sweep}: ends a spawner whose private manager was killed. For {@link EphemeralManagers}' watcher, not for people. */
@Command(hidden = true, description = "End the spawner behind a socket, with everything that it made.")
final class SweepCommand implements Callable<Integer> {
    @Parameters(paramLabel = "SOCKET", description = "Of the spawner.")
    Path socket = Path.of("");

    @Override
    public Integer call() throws IOException {
        SpawnerControl.quit(socket);
        return ExitCode.OK;
    }
}
