package dev.tinyvm.app;

import dev.tinyvm.bench.BenchTarget;
import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.cli.RunningManager;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;

/** A manager for a benchmark: a process of its own with the flags of every manager, on an empty data directory. Closing it removes all of it. */
final class BenchManager implements AutoCloseable {
    /** More than any benchmark asks for: what is measured is speed and memory, not admission. */
    private static final String CAPACITY = "cpu=1000,memory=1Ti";

    private final Installation installation;
    private final Path data;
    private final BenchTarget target;

    private BenchManager(Installation installation, Path data, BenchTarget target) {
        this.installation = installation;
        this.data = data;
        this.target = target;
    }

    static BenchManager start(Installation installation) throws IOException, InterruptedException {
        return start(installation, "");
    }

    /** @param configuration text of its tinyvm.yaml; empty: none */
    static BenchManager start(Installation installation, String configuration)
            throws IOException, InterruptedException {
        return start(installation, configuration, CAPACITY);
    }

    /** @param capacity for benchmarks to which admission belongs */
    static BenchManager start(Installation installation, String configuration, String capacity)
            throws IOException, InterruptedException {
        Path data = Files.createTempDirectory(Path.of("/var/tmp"), "tinyvm-bench-");
        if (!configuration.isEmpty()) {
            Files.writeString(data.resolve("tinyvm.yaml"), configuration);
        }
        call(installation, "up", "--detach", "--port", "0", "--data", data.toString(), "--capacity", capacity);
        RunningManager running = RunningManager.read(data)
                .orElseThrow(() -> new CliException(
                        ExitCode.FAILED, "the manager of the benchmark is ready and has no address in " + data));
        String key = Files.readString(data.resolve(RunningManager.KEY_FILE)).strip();
        return new BenchManager(
                installation,
                data,
                new BenchTarget(
                        running.url(),
                        key,
                        running.pid(),
                        RunningManager.runDirectory(data).toString()));
    }

    Path data() {
        return data;
    }

    BenchTarget target() {
        return target;
    }

    @Override
    public void close() throws IOException {
        try {
            call(installation, "--data", data.toString(), "down");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Files.walkFileTree(data, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(
                    Path directory, @org.jspecify.annotations.Nullable IOException failure) throws IOException {
                Files.delete(directory);
                return FileVisitResult.CONTINUE;
            }
        });
        Files.deleteIfExists(Path.of(target.runDirectory()));
    }

    private static void call(Installation installation, String... arguments) throws IOException, InterruptedException {
        List<String> command =
                new java.util.ArrayList<>(List.of(installation.entry().toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("TINYVM_BUILD", "never");
        Process process = builder.start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        if (process.waitFor() != 0) {
            throw new CliException(ExitCode.FAILED, "the benchmark's own manager: " + said.replace('\n', ' '));
        }
    }
}
