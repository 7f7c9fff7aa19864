package dev.tinyvm.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** How long {@code up --detach} takes on an empty data directory, from the start of the script to its return, when the manager answers. */
public final class Ready {
    public static final String WORD = "ready";
    public static final String SUMMARY = "Time until a new manager is ready: up --detach on an empty data directory";
    private static final int USUAL = 7;

    private Ready() {}

    /** @param entry the {@code tinyvm} script */
    public static BenchResult run(Path entry, BenchPlan plan, Consumer<String> progress)
            throws IOException, InterruptedException {
        int n = plan.count(USUAL);
        long[] times = new long[n];
        for (int i = -1; i < n; i++) {
            Path data = Files.createTempDirectory(Path.of("/var/tmp"), "tinyvm-ready-");
            try {
                long start = System.nanoTime();
                call(entry, "up", "--detach", "--port", "0", "--data", data.toString());
                if (i >= 0) {
                    times[i] = System.nanoTime() - start;
                    progress.accept("ready after " + BenchResult.millis(times[i]) + " ms");
                }
                call(entry, "--data", data.toString(), "down");
            } finally {
                delete(data);
            }
        }
        Map<String, Object> figures = new LinkedHashMap<>();
        BenchResult.percentiles(figures, "", times);
        return new BenchResult(WORD, n, figures, Machine.line(), plan.command());
    }

    private static void call(Path entry, String... arguments) throws IOException, InterruptedException {
        List<String> command =
                Stream.concat(Stream.of(entry.toString()), Stream.of(arguments)).toList();
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        if (process.waitFor() != 0) {
            throw new IOException("tinyvm " + String.join(" ", arguments) + ": " + said);
        }
    }

    private static void delete(Path data) throws IOException {
        try (Stream<Path> files = Files.walk(data)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
