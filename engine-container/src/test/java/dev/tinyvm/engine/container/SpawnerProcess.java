package dev.tinyvm.engine.container;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A spawner of the test's own in a directory of its own; gone without a trace after {@link #close}. */
public final class SpawnerProcess implements AutoCloseable {
    private static final Path ROOT = root();
    private static final Path SPAWNER = ROOT.resolve("native/spawner/build/tinyvm-spawner");
    private static final Path GUEST = ROOT.resolve("native/guest/build/tinyvm-guest");
    private static final long PATIENCE_SECONDS = 60;
    private static final int ORDINARY_UID = 1000;

    private final Path directory;
    private final Path volume;
    private final Process process;

    private SpawnerProcess(Path directory, Path volume, Process process) {
        this.directory = directory;
        this.volume = volume;
        this.process = process;
    }

    /** Starts one with the real guest; the test is skipped where that is impossible. */
    public static SpawnerProcess start() {
        return start(GUEST);
    }

    static SpawnerProcess start(Path guest) {
        return start(guest, List.of());
    }

    /** One with more of the spawner's options. */
    public static SpawnerProcess start(List<String> options) {
        return start(GUEST, options);
    }

    private static SpawnerProcess start(Path guest, List<String> options) {
        assumeTrue("root".equals(System.getProperty("user.name")), "walls need root");
        assumeTrue(Files.isExecutable(SPAWNER), SPAWNER + " is missing: run make -C native/spawner");
        assumeTrue(Files.isExecutable(guest), guest + " is missing: run make -C native/guest");
        try {
            Path directory = Files.createTempDirectory(Path.of("/tmp"), "tvm-test-");
            Path volume = Files.createDirectory(directory.resolve("volume"));
            Files.setAttribute(volume, "unix:uid", ORDINARY_UID);
            Files.setAttribute(volume, "unix:gid", ORDINARY_UID);
            Files.setAttribute(directory, "unix:mode", 0755);
            List<String> command = new ArrayList<>(List.of(
                    SPAWNER.toString(),
                    "serve",
                    "--run",
                    directory.resolve("run").toString(),
                    "--images",
                    directory.resolve("images").toString(),
                    "--guest",
                    guest.toString(),
                    "--allow-volume",
                    volume.toString(),
                    "--ready-fd",
                    "1"));
            command.addAll(options);
            Process process = new ProcessBuilder(command)
                    .redirectError(directory.resolve("spawner.log").toFile())
                    .start();
            SpawnerProcess spawner = new SpawnerProcess(directory, volume, process);
            String said = process.inputReader().readLine();
            if (said == null || said.startsWith("error")) {
                String log = Files.readString(directory.resolve("spawner.log"));
                spawner.close();
                throw new AssertionError("the spawner did not start: " + said + " " + log);
            }
            return spawner;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public Path socket() {
        return directory.resolve("run/spawner.sock");
    }

    /** An allowed host directory. */
    public Path volume() {
        return volume;
    }

    public Path run() {
        return directory.resolve("run");
    }

    /** The server process, child of the supervisor that was started. */
    public ProcessHandle server() {
        return process.children().findFirst().orElseThrow(() -> new AssertionError("the supervisor has no child"));
    }

    @Override
    public void close() {
        try (SpawnerClient client = new SpawnerClient(socket(), new SpawnerClientTest.Ignore())) {
            if (process.isAlive()) {
                client.quit();
            }
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                throw new AssertionError("the spawner did not end after QUIT");
            }
            deleteTree(directory);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            process.destroyForcibly();
        }
    }

    private static void deleteTree(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    private static Path root() {
        @Nullable Path at = Path.of("").toAbsolutePath();
        while (at != null && !Files.exists(at.resolve("spec/guest-protocol.md"))) {
            at = at.getParent();
        }
        if (at == null) {
            throw new AssertionError("the tests must run inside of the repository");
        }
        return at;
    }
}
