package dev.tinyvm.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * E2B's own JavaScript SDK against the manager: time from {@code Sandbox.create()} to the output of the first {@code commands.run()}, one after another and all at once. Needs Node 20 and npm;
 * the SDK is installed once, into a directory of the user's cache.
 */
public final class E2bFirstOutput {
    public static final String WORD = "e2b";
    public static final String SUMMARY =
            "E2B's JavaScript SDK: from Sandbox.create() to the output of the first command";
    private static final int USUAL = 200;
    private static final int AT_ONCE = 50;
    private static final int WARM_UP = 20;
    private static final String SCRIPT = "first-output.mjs";
    private static final List<String> FILES = List.of("package.json", "package-lock.json", SCRIPT);

    private E2bFirstOutput() {}

    /**
     * Measures.
     *
     * @param cache directory for what npm installs
     * @throws IOException Node or npm is missing, the packages cannot be had, or the manager refused
     */
    public static BenchResult run(BenchTarget target, BenchPlan plan, Path cache, Consumer<String> progress)
            throws IOException, InterruptedException {
        Path directory = NpmPackages.install(WORD, FILES, cache, progress);
        int n = plan.count(USUAL);
        progress.accept("measuring");
        JsonNode times = parse(call(
                directory,
                Map.of("E2B_API_KEY", target.key(), "E2B_API_URL", target.url(), "E2B_SANDBOX_URL", target.url()),
                "node",
                SCRIPT,
                Integer.toString(n),
                Integer.toString(AT_ONCE),
                Integer.toString(WARM_UP)));
        Map<String, Object> figures = new LinkedHashMap<>();
        BenchResult.percentiles(figures, "", nanos(times, "total"));
        BenchResult.percentiles(figures, "create", nanos(times, "create"));
        figures.put("atOnce", AT_ONCE);
        BenchResult.percentiles(figures, "atOnce", nanos(times, "crowd"));
        figures.put(
                "atOnceAllMillis", BenchResult.millis(times.path("crowdNanos").asLong()));
        return new BenchResult(WORD, n, figures, Machine.line(), plan.command());
    }

    private static String call(Path directory, Map<String, String> environment, String... command)
            throws IOException, InterruptedException {
        Path errors = Files.createTempFile("tinyvm-bench-", ".err");
        try {
            ProcessBuilder builder =
                    new ProcessBuilder(command).directory(directory.toFile()).redirectError(errors.toFile());
            builder.environment().keySet().removeIf(name -> name.startsWith("E2B_"));
            builder.environment().putAll(environment);
            Process process;
            try {
                process = builder.start();
            } catch (IOException e) {
                throw new IOException(command[0] + " cannot be started; this benchmark needs Node 20 and npm", e);
            }
            process.getOutputStream().close();
            String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new IOException(command[0] + " failed: "
                        + Files.readString(errors).strip().lines().limit(8).toList());
            }
            return out;
        } finally {
            Files.delete(errors);
        }
    }

    private static JsonNode parse(String text) throws IOException {
        try {
            return new JsonMapper().readTree(text);
        } catch (JacksonException e) {
            throw new IOException("the script printed what is not JSON", e);
        }
    }

    private static long[] nanos(JsonNode times, String name) {
        return times.path(name).values().stream().mapToLong(JsonNode::asLong).toArray();
    }
}
