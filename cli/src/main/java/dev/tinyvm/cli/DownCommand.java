package dev.tinyvm.cli;

import dev.tinyvm.sdk.TinyVmClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tinyvm down}. */
@Command(
        description = {
            "Stop the manager and its Tiny VMs, and wait until it is gone.",
            "With --keep the Tiny VMs go on; the next 'tinyvm up' with the same data takes them over."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  sudo tinyvm down",
            "  sudo tinyvm down --keep && sudo tinyvm up --detach   # a new version, nothing stops"
        })
final class DownCommand extends ClientCommand {
    private static final long WAIT_MILLIS = 120_000;
    private static final long LOOK_MILLIS = 20;

    @Option(names = "--keep", description = "Leave the Tiny VMs running.")
    boolean keep;

    DownCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) throws InterruptedException {
        Optional<Path> data = manager.directories(shell).stream()
                .filter(d -> RunningManager.read(d)
                        .filter(r -> r.alive() && r.url().equals(client.url()))
                        .isPresent())
                .findFirst();
        Optional<Long> pid = data.flatMap(RunningManager::read).map(RunningManager::pid);
        client.shutdown(keep);
        long end = System.nanoTime() + WAIT_MILLIS * 1_000_000;
        while (pid.map(p -> ProcessHandle.of(p).isPresent()).orElseGet(client::ready)) {
            if (System.nanoTime() > end) {
                throw new CliException(
                        ExitCode.FAILED,
                        "the manager was told to stop and has not ended after " + WAIT_MILLIS / 1000 + " s",
                        "Its log says what it waits for");
            }
            Thread.sleep(LOOK_MILLIS);
        }
        if (!keep) {
            data.map(RunningManager::runDirectory).ifPresent(DownCommand::removeIfEmpty);
        }
        shell.out().println(keep ? "The manager is down; its Tiny VMs go on." : "The manager is down.");
        return ExitCode.OK;
    }

    /** The manager itself may not: the directory above is root's. */
    private static void removeIfEmpty(Path directory) {
        try {
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            // Not empty or not ours: the next manager uses it again.
            return;
        }
    }
}
