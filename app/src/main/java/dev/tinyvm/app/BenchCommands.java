package dev.tinyvm.app;

import dev.tinyvm.bench.AgentCrowd;
import dev.tinyvm.bench.BenchPlan;
import dev.tinyvm.bench.BenchResult;
import dev.tinyvm.bench.BenchTarget;
import dev.tinyvm.bench.Benchmark;
import dev.tinyvm.bench.DebianImage;
import dev.tinyvm.bench.E2bFirstOutput;
import dev.tinyvm.bench.GatewayCalls;
import dev.tinyvm.bench.LedgerEvents;
import dev.tinyvm.bench.Ready;
import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.cli.JsonOutput;
import dev.tinyvm.cli.ManagerConnection;
import dev.tinyvm.cli.RunningManager;
import dev.tinyvm.cli.Shell;
import dev.tinyvm.cli.text.Table;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm bench}. */
final class BenchCommands {
    private BenchCommands() {}

    static CommandLine line(Shell shell) {
        return new CommandLine(new Bench(shell));
    }

    @Command(
            description = {
                "Measure, through the REST API over loopback, and print what was found. docs/bench.md says what each figure means.",
                "Uses the manager that --url or TINYVM_URL names; else starts one of its own in a separate process, and removes it (needs root).",
                "Without a name: the list of benchmarks."
            },
            footerHeading = "%nExamples:%n",
            footer = {
                "  sudo tinyvm bench start",
                "  sudo tinyvm bench density --n 1000 --json",
                "  sudo tinyvm bench start --engine wasm",
                "  sudo tinyvm bench churn --clients 4"
            })
    static final class Bench implements Callable<Integer> {
        @Mixin
        final ManagerConnection manager = new ManagerConnection();

        @Parameters(
                arity = "0..1",
                paramLabel = "NAME",
                description =
                        "start, create, exec, freeze, churn, density, leak, e2b, agents, ledger, gateway, image or ready.")
        @Nullable
        String name;

        @Option(
                names = "--n",
                paramLabel = "N",
                description = "How many (default: as many as the benchmark does by itself).")
        int n;

        @Option(
                names = "--clients",
                paramLabel = "C",
                description = "Clients at once, for churn and leak (default: 2).")
        int clients;

        @Option(
                names = "--engine",
                paramLabel = "E",
                description =
                        "The wall to measure: container (default), crun, runc, gvisor or wasm, whose Tiny VMs are JavaScript agents.")
        String engine = "container";

        @Option(
                names = "--pause",
                paramLabel = "MILLIS",
                description =
                        "Untimed rest between two rounds of start and create, in which gVisor's pool may fill again (default: 0).")
        int pauseMillis;

        @Option(
                names = {"-q", "--quiet"},
                description = "Print no progress.")
        boolean quiet;

        @Option(names = "--json", description = "Print JSON.")
        boolean json;

        @Option(
                names = {"-h", "--help"},
                usageHelp = true,
                description = "Show this help.")
        boolean help;

        private final Shell shell;

        Bench(Shell shell) {
            this.shell = shell;
        }

        @Override
        public Integer call() throws Exception {
            if (name == null) {
                list();
                return ExitCode.OK;
            }
            if (pauseMillis < 0 || pauseMillis > 60_000) {
                throw new CliException(ExitCode.USAGE, "--pause is from 0 to 60000 milliseconds");
            }
            if (n < 0 || n > 1_000_000 || clients < 0 || clients > 256) {
                throw new CliException(
                        ExitCode.USAGE, "--n is at most 1000000, --clients at most 256, and neither is negative");
            }
            BenchPlan plan = new BenchPlan(n, clients, wall(), Duration.ofMillis(pauseMillis), command(name));
            if (name.equals(Ready.WORD)) {
                LocalManager.requireRoot(ExitCode.FAILED);
                show(Ready.run(Installation.find().entry(), plan, this::progress));
                return ExitCode.OK;
            }
            if (name.equals(LedgerEvents.WORD)) {
                show(LedgerEvents.run(plan, this::progress));
                return ExitCode.OK;
            }
            if (name.equals(GatewayCalls.WORD)) {
                // Always with a manager of its own: it must be configured for this benchmark's provider.
                LocalManager.requireRoot(ExitCode.FAILED);
                progress("starting a manager for this benchmark");
                try (GatewayCalls calls = new GatewayCalls();
                        BenchManager own = BenchManager.start(Installation.find(), calls.configuration())) {
                    show(calls.run(own.target(), plan, this::progress));
                }
                return ExitCode.OK;
            }
            if (name.equals(AgentCrowd.WORD)) {
                LocalManager.requireRoot(ExitCode.FAILED);
                if (manager.named(shell)) {
                    throw new CliException(
                            ExitCode.USAGE,
                            "bench agents needs a manager of its own, which leads to its scripted models; leave out --url and TINYVM_URL");
                }
                show(AgentsBench.run(plan, cache(), this::progress));
                return ExitCode.OK;
            }
            if (name.equals(ImageBench.WORD)) {
                LocalManager.requireRoot(ExitCode.FAILED);
                try (BenchManager own = BenchManager.start(Installation.find())) {
                    show(ImageBench.run(own.target(), own.data(), plan, cache(), this::progress));
                }
                return ExitCode.OK;
            }
            Measure measure = measure(name, plan);
            boolean named = manager.named(shell);
            if (named) {
                show(measure.of(runningTarget()));
            } else {
                LocalManager.requireRoot(ExitCode.FAILED);
                progress("starting a manager for this benchmark");
                try (BenchManager own = BenchManager.start(Installation.find())) {
                    show(measure.of(own.target()));
                }
            }
            return ExitCode.OK;
        }

        private String wall() {
            List<String> walls = List.of("container", "crun", "runc", "gvisor", "wasm");
            if (!walls.contains(engine)) {
                throw new CliException(
                        ExitCode.USAGE,
                        "there is no engine '" + engine + "' to measure",
                        "There are: " + String.join(", ", walls));
            }
            return engine;
        }

        private BenchTarget runningTarget() {
            ManagerConnection.Address address =
                    manager.find(shell).orElseThrow(() -> new CliException(ExitCode.FAILED, "no manager runs there"));
            Optional<Path> data = manager.directories(shell).stream()
                    .filter(d -> RunningManager.read(d)
                            .filter(r -> r.url().equals(address.url()))
                            .isPresent())
                    .findFirst();
            long pid =
                    data.flatMap(RunningManager::read).map(RunningManager::pid).orElse(0L);
            return new BenchTarget(
                    address.url(),
                    address.key(),
                    pid,
                    data.map(d -> RunningManager.runDirectory(d).toString()).orElse(""));
        }

        /** What measures a manager. */
        private interface Measure {
            BenchResult of(BenchTarget target) throws IOException, InterruptedException;
        }

        private Measure measure(String name, BenchPlan plan) {
            if (name.equals(E2bFirstOutput.WORD)) {
                return target -> E2bFirstOutput.run(target, plan, cache(), this::progress);
            }
            Benchmark benchmark = benchmark(name);
            return target -> benchmark.run(target, plan, this::progress);
        }

        private Path cache() {
            return DebianImage.cache(shell.variable("XDG_CACHE_HOME"));
        }

        private static Benchmark benchmark(String name) {
            List<String> known = new ArrayList<>(List.of(
                    Ready.WORD,
                    ImageBench.WORD,
                    LedgerEvents.WORD,
                    E2bFirstOutput.WORD,
                    AgentCrowd.WORD,
                    GatewayCalls.WORD));
            for (Benchmark benchmark : Benchmark.values()) {
                if (benchmark.word().equals(name)) {
                    return benchmark;
                }
                known.add(benchmark.word());
            }
            throw new CliException(
                    ExitCode.USAGE, "there is no benchmark '" + name + "'", "There are: " + String.join(", ", known));
        }

        private void list() {
            Table table = new Table(shell.style()).left("NAME").left("MEASURES");
            for (Benchmark benchmark : Benchmark.values()) {
                table.row(benchmark.word(), benchmark.summary());
            }
            table.row(E2bFirstOutput.WORD, E2bFirstOutput.SUMMARY);
            table.row(LedgerEvents.WORD, LedgerEvents.SUMMARY);
            table.row(GatewayCalls.WORD, GatewayCalls.SUMMARY);
            table.row(AgentCrowd.WORD, AgentCrowd.SUMMARY);
            table.row(Ready.WORD, Ready.SUMMARY);
            table.row(ImageBench.WORD, ImageBench.SUMMARY);
            table.lines().forEach(shell.out()::println);
        }

        private String command(String bench) {
            return "./tinyvm bench " + bench + (n > 0 ? " --n " + n : "") + (clients > 0 ? " --clients " + clients : "")
                    + (engine.equals("container") ? "" : " --engine " + engine)
                    + (pauseMillis > 0 ? " --pause " + pauseMillis : "")
                    + " --json";
        }

        private void progress(String words) {
            if (!quiet) {
                shell.err().println("tinyvm: " + words);
            }
        }

        private void show(BenchResult result) throws IOException {
            if (json) {
                JsonOutput.print(shell.out(), result.toMap());
                return;
            }
            Table table = new Table(shell.style()).left("FIGURE").left("VALUE");
            result.toMap().forEach((k, v) -> table.row(k, v));
            table.lines().forEach(shell.out()::println);
        }
    }
}
