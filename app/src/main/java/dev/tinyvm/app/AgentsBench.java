package dev.tinyvm.app;

import dev.tinyvm.bench.AgentCrowd;
import dev.tinyvm.bench.BenchPlan;
import dev.tinyvm.bench.BenchResult;
import dev.tinyvm.llm.script.Script;
import dev.tinyvm.llm.script.ScriptedProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** {@code bench agents}: the models in this process, so that agents on the host and those in Tiny VMs speak with the same ones, and a manager that leads to them. */
final class AgentsBench {
    private static final String CONFIG = """
            volumes: {hostPaths: ["%s"]}
            llm:
              providers:
                - {name: loop, type: openai, baseUrl: "%s"}
                - {name: pi, type: openai, baseUrl: "%s"}
              routes:
                - {model: loop, provider: loop}
                - {model: "*", provider: pi}
            """;

    private AgentsBench() {}

    static BenchResult run(BenchPlan plan, Path cache, Consumer<String> progress)
            throws IOException, InterruptedException {
        Path packages = AgentCrowd.install(cache, progress);
        Path own = Files.createTempDirectory("tinyvm-bench-models-");
        Path loopScript = Files.writeString(own.resolve("loop.yaml"), AgentCrowd.LOOP_SCRIPT);
        Path piScript = Files.writeString(own.resolve("pi.yaml"), AgentCrowd.PI_SCRIPT);
        try (ScriptedProvider loop = Script.read(loopScript).open();
                ScriptedProvider pi = Script.read(piScript).open()) {
            String configuration = CONFIG.formatted(packages, loop.url(), pi.url());
            progress.accept("starting a manager for this benchmark");
            // The cores that are there, each promised once: what a waiting agent lends is what lets the next one start.
            String capacity = "cpu=" + Runtime.getRuntime().availableProcessors() + ",memory=1Ti";
            try (BenchManager manager = BenchManager.start(Installation.find(), configuration, capacity)) {
                return AgentCrowd.run(
                        manager.target(),
                        plan,
                        new AgentCrowd.Models(packages, loop.url() + "/v1", pi.url() + "/v1"),
                        progress);
            }
        } finally {
            for (Path file : List.of(loopScript, piScript, own)) {
                Files.deleteIfExists(file);
            }
        }
    }
}
