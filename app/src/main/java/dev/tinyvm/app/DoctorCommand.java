package dev.tinyvm.app;

import dev.tinyvm.app.HostCheck.EngineFinding;
import dev.tinyvm.app.HostCheck.Finding;
import dev.tinyvm.cli.Cli;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.cli.JsonOutput;
import dev.tinyvm.cli.RunningManager;
import dev.tinyvm.cli.Shell;
import dev.tinyvm.cli.text.Style.Look;
import dev.tinyvm.cli.text.Table;
import dev.tinyvm.cli.text.Table.Cell;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tinyvm doctor}. */
@Command(
        description = {
            "Say what this host offers each engine, what is missing, and the command that gets it. Changes nothing.",
            "Exit code 0 when Tiny VMs can run here, 1 when not."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  sudo tinyvm doctor", "  tinyvm doctor --json | jq '.checks[] | select(.ok | not)'"})
final class DoctorCommand implements Callable<Integer> {
    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Data directory of the manager whose spawner is asked what it found.")
    @Nullable
    Path data;

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;

    private final Shell shell;

    DoctorCommand(Shell shell) {
        this.shell = shell;
    }

    /** As printed by {@code --json}. */
    record Report(String version, boolean ok, List<EngineFinding> engines, List<Finding> checks) {}

    @Override
    public Integer call() {
        List<Finding> checks = new ArrayList<>(HostCheck.all());
        Path run = RunningManager.runDirectory(UpCommand.dataDirectory(shell, data));
        checks.addAll(NetworkCheck.of(run.resolve("spawner.sock")));
        List<EngineFinding> engines = HostCheck.engines(checks);
        boolean ok = engines.stream().anyMatch(EngineFinding::available);
        if (json) {
            JsonOutput.print(shell.out(), new Report(Cli.VERSION, ok, engines, checks));
        } else {
            print(checks, engines);
        }
        return ok ? ExitCode.OK : ExitCode.FAILED;
    }

    private void print(List<Finding> checks, List<EngineFinding> engines) {
        Table table = new Table(shell.style())
                .left("CHECK")
                .left("FOR")
                .left("")
                .left("FOUND")
                .left("HOW TO GET IT");
        for (Finding f : checks) {
            Cell mark = f.ok()
                    ? new Cell("ok", Look.GREEN)
                    : f.required() ? new Cell("missing", Look.RED) : new Cell("absent", Look.YELLOW);
            table.row(f.name(), f.need(), mark, f.detail(), f.remedy());
        }
        table.lines().forEach(shell.out()::println);
        shell.out().println();
        Table walls = new Table(shell.style()).left("ENGINE").left("").left("");
        engines.forEach(e -> walls.row(
                e.engine(),
                e.available() ? new Cell("available", Look.GREEN) : new Cell("not available", Look.YELLOW),
                e.detail()));
        walls.lines().forEach(shell.out()::println);
    }
}
