package dev.tinyvm.app;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.CommandGroup;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.cli.JsonOutput;
import dev.tinyvm.cli.RunningManager;
import dev.tinyvm.cli.Shell;
import dev.tinyvm.cli.text.Table;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm tape}: recordings are files of the manager's in the data directory. */
@Command(
        description = {
            "List and remove recordings of LLM calls. 'run --record NAME' makes one, 'run --replay NAME' answers from it.",
            "A recording holds prompts and answers in full, and no key."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  sudo tinyvm tape ls", "  sudo tinyvm tape rm run-1"})
final class TapeCommands extends CommandGroup {
    /** Below the manager's own directory. */
    static final String DIRECTORY = "tapes";

    TapeCommands() {
        super("tape ls, tape rm NAME");
    }

    static CommandLine line(Shell shell) {
        return new CommandLine(new TapeCommands()).addSubcommand(new Ls(shell)).addSubcommand(new Remove(shell));
    }

    /** What both have. */
    abstract static class OnTapes extends OnDataDirectory {
        OnTapes(Shell shell) {
            super(shell, "the recordings");
        }

        abstract void runTapes(Path tapes) throws IOException;

        @Override
        final void run(Path directory) throws IOException {
            runTapes(directory.resolve(RunningManager.DIRECTORY).resolve(DIRECTORY));
        }

        /** Its exchanges. */
        static List<Path> exchanges(Path tape) throws IOException {
            try (Stream<Path> files = Files.list(tape)) {
                return files.filter(file -> file.toString().endsWith(".exchange"))
                        .toList();
            }
        }
    }

    @Command(name = "ls", description = "List the recordings.")
    static final class Ls extends OnTapes {
        @Option(names = "--json", description = "Print JSON.")
        boolean json;

        Ls(Shell shell) {
            super(shell);
        }

        @Override
        void runTapes(Path tapes) throws IOException {
            List<Map<String, Object>> rows = new ArrayList<>();
            if (Files.isDirectory(tapes, LinkOption.NOFOLLOW_LINKS)) {
                List<Path> all;
                try (Stream<Path> found = Files.list(tapes)) {
                    all = found.filter(tape -> Files.isDirectory(tape, LinkOption.NOFOLLOW_LINKS))
                            .sorted()
                            .toList();
                }
                for (Path tape : all) {
                    Map<String, Object> row = new LinkedHashMap<>();
                    row.put("name", String.valueOf(tape.getFileName()));
                    row.put("exchanges", exchanges(tape).size());
                    rows.add(row);
                }
            }
            if (json) {
                JsonOutput.print(shell.out(), Map.of("tapes", rows));
                return;
            }
            Table table = new Table(shell.style()).left("NAME").right("EXCHANGES");
            rows.forEach(row -> table.row(row.getOrDefault("name", ""), row.getOrDefault("exchanges", "")));
            table.lines().forEach(shell.out()::println);
        }
    }

    @Command(name = "rm", description = "Remove a recording.")
    static final class Remove extends OnTapes {
        @Parameters(paramLabel = "NAME", description = "As 'tape ls' shows it.")
        @SuppressWarnings("NullAway.Init") // picocli sets it
        String name;

        Remove(Shell shell) {
            super(shell);
        }

        @Override
        void runTapes(Path tapes) throws IOException {
            Path tape = tapes.resolve(name);
            if (!name.matches("[A-Za-z0-9][A-Za-z0-9_.-]*") || !Files.isDirectory(tape, LinkOption.NOFOLLOW_LINKS)) {
                throw new CliException(
                        ExitCode.FAILED,
                        "there is no recording '" + name + "'",
                        "See what there is with: tinyvm tape ls");
            }
            for (Path file : exchanges(tape)) {
                Files.deleteIfExists(file);
            }
            Files.delete(tape);
        }
    }
}
