package dev.tinyvm.app;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.engine.oci.OciRuntime;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The spawner that serves one data directory: the one that is there already, with the Tiny VMs of an earlier manager, or a new one. It runs in a session of its own and lives on when this
 * process ends.
 *
 * @param socket where it listens
 * @param managerUid the uid that it serves beside root; unsigned, as the kernel's are
 * @param adopted whether it was there before
 */
record SpawnerProcess(Path socket, int managerUid, boolean adopted) {
    private static final Pattern READY = Pattern.compile("ready uid=(\\d+).*");
    private static final long READY_SECONDS = 60;
    private static final int LOG_LINES = 10;

    /**
     * Connects to the spawner of this directory, or starts one. Needs root.
     *
     * @param hostPaths host directories that Tiny VMs may mount
     * @param gvisorSandboxes kept ready for each image that was used last
     * @param routedPool addresses of routed interfaces; empty: its own choice
     * @param log where its messages go
     * @param pool file for writable layers
     * @param volumes file for named volumes
     */
    static SpawnerProcess find(
            Installation installation,
            Path run,
            Path images,
            List<String> hostPaths,
            int gvisorSandboxes,
            Optional<String> routedPool,
            Path log,
            Path pool,
            Path volumes)
            throws IOException {
        Path socket = run.resolve("spawner.sock");
        Optional<SpawnerProcess> existing = existing(socket);
        return existing.isPresent()
                ? existing.get()
                : start(installation, run, images, hostPaths, gvisorSandboxes, routedPool, log, pool, volumes);
    }

    private static Optional<SpawnerProcess> existing(Path socket) {
        if (!Files.exists(socket)) {
            return Optional.empty();
        }
        try {
            return Optional.of(
                    new SpawnerProcess(socket, SpawnerControl.ping(socket).managerUid(), true));
        } catch (IOException nobodyAnswers) {
            // What a killed spawner left; the new one takes its Tiny VMs over.
            return Optional.empty();
        }
    }

    private static SpawnerProcess start(
            Installation installation,
            Path run,
            Path images,
            List<String> hostPaths,
            int gvisorSandboxes,
            Optional<String> routedPool,
            Path log,
            Path pool,
            Path volumes)
            throws IOException {
        Files.createDirectories(run);
        Files.setPosixFilePermissions(run, PosixFilePermissions.fromString("rwxr-xr-x"));
        List<String> command = new ArrayList<>(List.of(
                "setsid",
                installation.spawner().toString(),
                "serve",
                "--run",
                run.toString(),
                "--images",
                images.toString(),
                "--guest",
                installation.guest().toString(),
                "--pool-file",
                pool.toString(),
                "--sandboxes",
                Integer.toString(gvisorSandboxes),
                "--volume-pool-file",
                volumes.toString(),
                "--ready-fd",
                "1"));
        for (OciRuntime runtime : OciRuntime.values()) {
            runtime.find().ifPresent(path -> command.addAll(List.of("--runtime", runtime.program() + "=" + path)));
        }
        routedPool.ifPresent(range -> command.addAll(List.of("--routed-pool", range)));
        hostPaths.forEach(v -> command.addAll(List.of("--allow-volume", v)));
        Process process = new ProcessBuilder(command)
                .directory(Path.of("/").toFile())
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
        String line = firstLine(process);
        Matcher ready = READY.matcher(line);
        if (!ready.matches()) {
            throw new CliException(
                    ExitCode.FAILED,
                    "the spawner did not start" + (process.isAlive() ? "" : " (exit " + process.exitValue() + ")")
                            + ": " + lastLines(log),
                    "What this host lacks: tinyvm doctor");
        }
        return new SpawnerProcess(run.resolve("spawner.sock"), Integer.parseUnsignedInt(ready.group(1)), false);
    }

    /** Empty when it ended, or said nothing in time (then it is ended). */
    private static String firstLine(Process process) throws IOException {
        FutureTask<String> read = new FutureTask<>(() -> {
            try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
                String line = out.readLine();
                return line == null ? "" : line;
            }
        });
        Thread.ofPlatform().daemon().start(read);
        try {
            String line = read.get(READY_SECONDS, TimeUnit.SECONDS);
            if (line.isEmpty()) {
                process.waitFor(1, TimeUnit.SECONDS);
            }
            return line;
        } catch (TimeoutException e) {
            process.destroyForcibly();
            return "";
        } catch (ExecutionException e) {
            throw new IOException("what the spawner says cannot be read: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for the spawner", e);
        }
    }

    private static String lastLines(Path log) throws IOException {
        List<String> lines = Files.exists(log) ? Files.readAllLines(log, StandardCharsets.ISO_8859_1) : List.of();
        String text = String.join("; ", lines.subList(Math.max(0, lines.size() - LOG_LINES), lines.size()));
        return text.isEmpty() ? "it said nothing" : text;
    }
}
