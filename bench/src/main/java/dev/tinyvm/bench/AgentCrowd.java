package dev.tinyvm.bench;

import dev.tinyvm.sdk.BillInfo;
import dev.tinyvm.sdk.BillRequest;
import dev.tinyvm.sdk.CreateVm;
import dev.tinyvm.sdk.Descriptor;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmInfo;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;

/**
 * Many real agents at once, whose model thinks for a while before each answer: first bare on the host, straight at the model, then each in a Tiny VM of its own, through the gateway.
 * Every agent makes six calls. Needs Node 20, npm and bash; the agents are those of {@code examples/agents}.
 */
public final class AgentCrowd {
    public static final String WORD = "agents";
    public static final String SUMMARY =
            "Many LLM agents at once, bare and in Tiny VMs: finished, CPU each, share of life waiting, seconds billed";
    /** The scripted model of {@link #LOOP}, YAML; the thinking time is the first line. */
    public static final String LOOP_SCRIPT = """
            thinking: 2s
            turns: [{say: one}, {say: two}, {say: three}, {say: four}, {say: five}, {say: six}]
            """;
    /** The scripted model of {@link #PI}. */
    public static final String PI_SCRIPT = """
            thinking: 2s
            turns:
              - {call: write, arguments: {path: answer.py, content: "open('answer.txt', 'w').write(str(6 * 7))"}}
              - {call: bash, arguments: {command: "python3 answer.py"}}
              - {call: bash, arguments: {command: "cat answer.txt"}}
              - {call: bash, arguments: {command: "ls -l"}}
              - {call: read, arguments: {path: answer.py}}
              - {say: "The answer is in answer.txt."}
            """;

    private static final String LOOP = "loop";
    private static final String PI = "pi";
    private static final int USUAL = 32;
    private static final Duration PATIENCE = Duration.ofMinutes(10);
    private static final List<String> FILES =
            List.of("package.json", "package-lock.json", "loop.mjs", "pi.sh", "models.json");
    private static final String PI_PROGRAM = "node_modules/@mariozechner/pi-coding-agent/dist/cli.js";
    private static final String TASK = "Write a program that computes six times seven, and run it.";
    private static final String DESCRIPTOR = """
            apiVersion: tinyvm.dev/v1
            kind: Agent
            metadata: {labels: {bench: %s}}
            spec:
              image: host
              command: %s
              env: {PI_OFFLINE: "1", TASK: "%s", MODEL: %s}
              resources: {cpu: 1, memory: 512Mi, disk: 64Mi, pids: 128}
              volumes: [{hostPath: %s, mountPath: /agents, readOnly: true}]
              restart: {policy: never}
            """;

    private AgentCrowd() {}

    /** Where the models are: base URLs up to {@code /v1}. @param packages what {@link #install} gave; the manager must allow to mount it */
    public record Models(Path packages, String loop, String pi) {}

    /** Installs the agents. @throws IOException npm is missing, or the packages cannot be had */
    public static Path install(Path cache, Consumer<String> progress) throws IOException, InterruptedException {
        return NpmPackages.install("agents", FILES, cache, progress);
    }

    /**
     * Measures.
     *
     * @param target a manager whose routes lead the model {@code loop} to {@link #LOOP_SCRIPT} and {@code pi} to {@link #PI_SCRIPT}
     * @throws IOException an agent failed, or the manager refused
     */
    public static BenchResult run(BenchTarget target, BenchPlan plan, Models models, Consumer<String> progress)
            throws IOException, InterruptedException {
        int loops = plan.count(USUAL);
        int pis = Math.max(1, loops * 3 / 8);
        Map<String, Object> figures = new LinkedHashMap<>();
        try (TinyVmClient client = TinyVmClient.of(target.url(), target.key())) {
            one(target, client, models, LOOP, loops, figures, progress);
            one(target, client, models, PI, pis, figures, progress);
        }
        waitFigures(target, figures);
        return new BenchResult(WORD, loops, figures, Machine.line(), plan.command());
    }

    private static void one(
            BenchTarget target,
            TinyVmClient client,
            Models models,
            String kind,
            int count,
            Map<String, Object> figures,
            Consumer<String> progress)
            throws IOException, InterruptedException {
        // Once for the page cache: both sides find the files there.
        bare(models, kind, 1);
        progress.accept(count + " " + kind + " agents bare");
        Crowd bare = bare(models, kind, count);
        progress.accept(count + " " + kind + " agents in Tiny VMs");
        double managerBefore = Machine.cpuSeconds(target.pid());
        Crowd inside = inside(client, models, kind, count);
        double manager = Machine.cpuSeconds(target.pid()) - managerBefore;
        String name = kind.equals(LOOP) ? "loop" : "pi";
        figures.put(name + "Agents", count);
        figures.put(name + "Finished", inside.finished);
        figures.put(name + "FinishedBare", bare.finished);
        figures.put(name + "AllSeconds", BenchResult.tenth(inside.allSeconds));
        figures.put(name + "AllSecondsBare", BenchResult.tenth(bare.allSeconds));
        figures.put(name + "CpuSecondsEach", hundredth(inside.cpuSeconds / count));
        figures.put(name + "CpuSecondsEachBare", hundredth(bare.cpuSeconds / count));
        figures.put(name + "ManagerCpuSecondsEach", hundredth(manager / count));
        figures.put(name + "WallSecondsEach", BenchResult.tenth(inside.wallSeconds / count));
        figures.put(name + "WallSecondsEachBare", BenchResult.tenth(bare.wallSeconds / count));
        figures.put(name + "BilledSecondsEach", hundredth(inside.activeSeconds / count));
        figures.put(name + "BilledPercent", percent(inside.activeSeconds, inside.wallSeconds));
        figures.put(name + "WaitingPercent", percent(inside.waitingSeconds, inside.wallSeconds));
    }

    private static Crowd bare(Models models, String kind, int count) throws IOException, InterruptedException {
        Path work = Files.createTempDirectory("tinyvm-bench-agents-");
        long start = System.nanoTime();
        List<Future<double[]>> runs = new ArrayList<>();
        Crowd crowd = new Crowd();
        // Platform threads: waiting for a process's output holds a virtual thread's carrier, and the scripted model
        // needs those.
        try (ExecutorService threads = Executors.newCachedThreadPool()) {
            for (int i = 0; i < count; i++) {
                Path home = Files.createDirectory(work.resolve("agent-" + i));
                runs.add(threads.submit(() -> bareOne(models, kind, home)));
            }
            for (Future<double[]> run : runs) {
                double[] seconds = run.get();
                crowd.finished++;
                crowd.wallSeconds += seconds[0];
                crowd.cpuSeconds += seconds[1];
            }
        } catch (ExecutionException e) {
            throw new IOException("an agent on the host failed: " + e.getMessage(), e);
        } finally {
            NpmPackages.delete(work);
        }
        crowd.allSeconds = (System.nanoTime() - start) / 1e9;
        return crowd;
    }

    /** @return wall seconds and CPU seconds, children included */
    private static double[] bareOne(Models models, String kind, Path home) throws IOException, InterruptedException {
        String url = kind.equals(LOOP) ? models.loop() : models.pi();
        String command;
        if (kind.equals(LOOP)) {
            command = "node " + models.packages().resolve("loop.mjs") + " 6";
        } else {
            Path settings = Files.createDirectories(home.resolve(".pi/agent"));
            String list = Files.readString(models.packages().resolve("models.json"));
            Files.writeString(settings.resolve("models.json"), list.replace("http://127.0.0.1:4000/v1", url));
            command = "node " + models.packages().resolve(PI_PROGRAM) + " --provider tinyvm --model any -p \"$TASK\"";
        }
        ProcessBuilder builder = new ProcessBuilder(
                        "bash", "-c", "TIMEFORMAT='cpu %3U %3S'; time (" + command + " >out 2>err)")
                .directory(home.toFile())
                .redirectErrorStream(true);
        builder.environment()
                .putAll(Map.of(
                        "HOME",
                        home.toString(),
                        "PI_OFFLINE",
                        "1",
                        "TASK",
                        TASK,
                        "MODEL",
                        kind,
                        "OPENAI_BASE_URL",
                        url,
                        "OPENAI_API_KEY",
                        "none"));
        long start = System.nanoTime();
        Process process = builder.start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        int code = process.waitFor();
        double wall = (System.nanoTime() - start) / 1e9;
        String[] words = said.split(" ");
        if (code != 0 || words.length != 3 || !done(kind, Files.readString(home.resolve("out")))) {
            throw new IOException("exit code " + code + ": " + said + " " + Files.readString(home.resolve("err")));
        }
        return new double[] {wall, Double.parseDouble(words[1]) + Double.parseDouble(words[2])};
    }

    private static Crowd inside(TinyVmClient client, Models models, String kind, int count) throws IOException {
        String command = kind.equals(LOOP) ? "[node, /agents/loop.mjs, \"6\"]" : "[sh, /agents/pi.sh]";
        String descriptor = DESCRIPTOR.formatted(kind, command, TASK, kind, models.packages());
        BillInfo before = client.bill(BillRequest.by("label=bench"));
        List<String> ids = new ArrayList<>();
        Crowd crowd = new Crowd();
        long start = System.nanoTime();
        try {
            for (int i = 0; i < count; i++) {
                ids.add(client.create(CreateVm.of(Descriptor.yaml(descriptor))).id());
            }
            for (String id : ids) {
                VmInfo vm = client.awaitEnd(id, PATIENCE);
                StringBuilder log = new StringBuilder();
                try (var lines = client.logs(id, new dev.tinyvm.sdk.LogFilter(-1, java.util.Optional.empty(), false))) {
                    lines.forEachRemaining(line -> log.append(line.text()).append('\n'));
                }
                if (!vm.state().equals("stopped") || vm.exitCode().orElse(-1) != 0 || !done(kind, log.toString())) {
                    throw new IOException("an agent in a Tiny VM is " + vm.state() + " " + vm.message() + ": " + log);
                }
                crowd.finished++;
                crowd.cpuSeconds += vm.use().cpuSeconds();
                crowd.wallSeconds += Duration.between(
                                        vm.startedAt().orElseThrow(),
                                        vm.endedAt().orElseThrow())
                                .toMillis()
                        / 1e3;
            }
            crowd.allSeconds = (System.nanoTime() - start) / 1e9;
        } finally {
            ids.forEach(client::remove);
        }
        BillInfo after = client.bill(BillRequest.by("label=bench"));
        crowd.activeSeconds = seconds(after, kind, false) - seconds(before, kind, false);
        crowd.waitingSeconds = seconds(after, kind, true) - seconds(before, kind, true);
        return crowd;
    }

    private static double seconds(BillInfo bill, String kind, boolean waiting) {
        return bill.lines().stream()
                .filter(line -> line.name().equals(kind))
                .mapToDouble(line -> waiting
                        ? line.amounts().waitingMillis() / 1e3
                        : line.amounts().activeMillis() / 1e3)
                .sum();
    }

    private static boolean done(String kind, String said) {
        return said.contains(kind.equals(LOOP) ? "six" : "answer.txt");
    }

    /** From {@code /metrics}. */
    private static void waitFigures(BenchTarget target, Map<String, Object> figures) throws IOException {
        String metrics;
        try (Wire wire = new Wire(target.url(), target.key())) {
            metrics = wire.call("GET", "/metrics", "").body();
        }
        for (String what : List.of("freeze", "idle", "thaw")) {
            for (int percent : new int[] {50, 99}) {
                String name = "tinyvm_wait_" + what + "_seconds{quantile=\"0." + (percent == 50 ? "5" : "99") + "\"} ";
                String value = metrics.lines()
                        .filter(line -> line.startsWith(name))
                        .findFirst()
                        .orElseThrow(() -> new IOException("/metrics has no " + name))
                        .substring(name.length());
                figures.put(
                        (what.equals("idle") ? "idleToFrozen" : what) + "P" + percent + "Millis",
                        BenchResult.millis(Math.round(Double.parseDouble(value) * 1e9)));
            }
        }
    }

    private static double percent(double part, double whole) {
        return BenchResult.tenth(100 * part / whole);
    }

    private static double hundredth(double value) {
        return Math.round(value * 100) / 100.0;
    }

    /** What became of the agents of one kind, all together. */
    private static final class Crowd {
        private int finished;
        private double allSeconds;
        private double wallSeconds;
        private double cpuSeconds;
        private double activeSeconds;
        private double waitingSeconds;
    }
}
