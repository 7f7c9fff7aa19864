package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Printable;
import dev.tinyvm.cli.text.Style.Look;
import dev.tinyvm.sdk.TinyVmConnectionException;
import dev.tinyvm.sdk.TinyVmException;
import dev.tinyvm.spec.DescriptorException;
import dev.tinyvm.spec.NearestName;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Finds the command, lets picocli parse its arguments, runs it, and turns whatever goes wrong into a message and an exit code. */
public final class Cli {
    /** Of this program; the same as in the pom. */
    public static final String VERSION = "0.1.0";

    private final Shell shell;
    private final List<CommandSource> sources;

    /** @param sources where commands come from; a name is taken from the first that has it */
    public Cli(Shell shell, List<CommandSource> sources) {
        this.shell = shell;
        this.sources = List.copyOf(sources);
    }

    /** Runs one command line and returns its exit code. */
    public int run(String... args) {
        int code = dispatch(args);
        shell.out().flush();
        shell.err().flush();
        return code;
    }

    private int dispatch(String... args) {
        // Connection options may stand before the command: tinyvm --data DIR ps
        List<String> leading = new ArrayList<>();
        int at = 0;
        while (at < args.length && isConnectionOption(args[at])) {
            leading.add(args[at]);
            if (!args[at].contains("=") && at + 1 < args.length) {
                leading.add(args[++at]);
            }
            at++;
        }
        if (at == args.length) {
            shell.err().print(new HelpText(sources, shell.errorStyle()).overview());
            return ExitCode.USAGE;
        }
        String name = args[at];
        List<String> rest = new ArrayList<>(leading);
        rest.addAll(List.of(args).subList(at + 1, args.length));
        switch (name) {
            case "help", "--help", "-h" -> {
                return help(rest);
            }
            case "--version", "-V" -> name = "version";
            case "completion" -> {
                return completion(rest);
            }
            default -> {}
        }
        Object command = make(name);
        return command == null
                ? unknown(name)
                : commandLine(name, command, rest).execute(rest.toArray(String[]::new));
    }

    private static boolean isConnectionOption(String argument) {
        return argument.equals("--url")
                || argument.equals("--data")
                || argument.startsWith("--url=")
                || argument.startsWith("--data=");
    }

    private @Nullable Object make(String name) {
        for (CommandSource source : sources) {
            Object command = source.make(name, shell);
            if (command != null) {
                return command;
            }
        }
        return null;
    }

    private CommandLine commandLine(String name, Object command, List<String> arguments) {
        CommandLine line = command instanceof CommandLine ready ? ready : new CommandLine(command);
        line.setCommandName("tinyvm " + name);
        line.setOut(new PrintWriter(shell.out(), true, StandardCharsets.UTF_8));
        line.setErr(new PrintWriter(shell.err(), true, StandardCharsets.UTF_8));
        line.setColorScheme(CommandLine.Help.defaultColorScheme(shell.style().colours() ? Ansi.ON : Ansi.OFF));
        line.setUsageHelpAutoWidth(false);
        line.setUsageHelpWidth(100);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setParameterExceptionHandler((e, args) -> usageError(e));
        line.setExecutionExceptionHandler((e, where, parsed) -> failure(e, command));
        if (command instanceof TakesCommand && !arguments.contains("--")) {
            // Without -- all behind the first plain word belongs to the command inside; with it options may stand
            // anywhere before.
            line.setStopAtPositional(true);
        }
        return line;
    }

    private int help(List<String> of) {
        List<String> names = of.stream().filter(a -> !a.startsWith("-")).toList();
        if (names.isEmpty()) {
            shell.out().print(new HelpText(sources, shell.style()).overview());
            return ExitCode.OK;
        }
        Object command = make(names.getFirst());
        if (command == null) {
            return names.getFirst().equals("completion") ? completion(List.of("--help")) : unknown(names.getFirst());
        }
        CommandLine line = commandLine(names.getFirst(), command, of);
        for (String sub : names.subList(1, names.size())) {
            CommandLine found = line.getSubcommands().get(sub);
            if (found == null) {
                break;
            }
            line = found;
        }
        line.usage(line.getOut());
        return ExitCode.OK;
    }

    private int completion(List<String> rest) {
        String which = rest.size() == 1 ? rest.getFirst() : "";
        if (which.equals("bash") || which.equals("zsh")) {
            shell.out().print(new CompletionScript(sources, shell).of(which));
            return ExitCode.OK;
        }
        boolean asked = which.equals("--help") || which.equals("-h");
        (asked ? shell.out() : shell.err()).print(CompletionScript.USAGE);
        return asked ? ExitCode.OK : ExitCode.USAGE;
    }

    private int unknown(String name) {
        List<String> known = new ArrayList<>(List.of("help", "completion", "test", "build"));
        sources.forEach(s -> s.entries().forEach(e -> known.add(e.name())));
        if (name.startsWith("-")) {
            complain("there is no option " + name + " before a command");
        } else {
            complain("there is no command '" + name + "'");
            NearestName.of(name, known).ifPresent(n -> shell.err().println("Did you mean: tinyvm " + n));
        }
        shell.err().println("All commands: tinyvm help");
        return ExitCode.USAGE;
    }

    private int usageError(ParameterException e) {
        CommandLine line = e.getCommandLine();
        String message = e.getMessage() == null ? "the arguments are wrong" : e.getMessage();
        if (e instanceof UnmatchedArgumentException unmatched
                && !unmatched.getUnmatched().isEmpty()) {
            String word = unmatched.getUnmatched().getFirst();
            List<String> known = new ArrayList<>(line.getSubcommands().keySet());
            line.getCommandSpec().options().forEach(o -> known.addAll(List.of(o.names())));
            complain((word.startsWith("-") ? "there is no option " : "there is no place for ") + word + " in '"
                    + line.getCommandSpec().qualifiedName() + "'");
            NearestName.of(word.replaceFirst("=.*", ""), known)
                    .ifPresent(n -> shell.err().println("Did you mean: " + n));
        } else {
            complain(message);
        }
        shell.err().println("See: " + line.getCommandSpec().qualifiedName() + " --help");
        return ExitCode.USAGE;
    }

    private int failure(Exception e, Object command) {
        int failed = command instanceof TakesCommand ? ExitCode.NOT_RUN : ExitCode.FAILED;
        return switch (e) {
            case CliException known -> {
                complain(String.valueOf(known.getMessage()));
                known.hints().forEach(shell.err()::println);
                yield known.exitCode();
            }
            case TinyVmException refused -> {
                complain(refused.message());
                refused.problems()
                        .forEach(p -> shell.err()
                                .println("  "
                                        + Printable.line((p.line() > 0 ? p.line() + ": " : "") + p.path() + ": "
                                                + p.message())));
                if (!refused.hint().isEmpty()) {
                    shell.err().println(Printable.line(refused.hint()));
                }
                if (refused.status() >= 500 && !refused.requestId().isEmpty()) {
                    shell.err().println("The manager's log has more under request " + refused.requestId());
                }
                yield command instanceof TakesCommand ? TakesCommand.exitCode(refused) : failed;
            }
            case DescriptorException broken -> {
                complain(broken.sourceName() + " is not a valid descriptor:");
                broken.problems()
                        .forEach(p -> shell.err()
                                .println(Printable.line(broken.sourceName() + (p.line() > 0 ? ":" + p.line() : "")
                                        + ": " + (p.path().isEmpty() ? "" : p.path() + ": ") + p.message())));
                yield ExitCode.USAGE;
            }
            case TinyVmConnectionException lost -> {
                complain(String.valueOf(lost.getMessage()));
                if (lost.refused()) {
                    shell.err().println(ManagerConnection.HOW_TO_START);
                }
                yield failed;
            }
            case InterruptedException interrupted -> {
                yield 130;
            }
            default -> {
                complain(
                        e instanceof java.io.IOException || e.getMessage() != null
                                ? describe(e)
                                : "internal error: " + e.getClass().getSimpleName());
                if (!shell.variable("TINYVM_DEBUG").isEmpty()) {
                    e.printStackTrace(shell.err());
                } else if (!(e instanceof java.io.IOException)) {
                    shell.err().println("TINYVM_DEBUG=1 shows where it happened");
                }
                yield failed;
            }
        };
    }

    private static String describe(Exception e) {
        return switch (e) {
            case java.nio.file.NoSuchFileException f -> f.getFile() + ": there is no such file";
            case java.nio.file.AccessDeniedException f -> f.getFile() + ": permission denied";
            case java.nio.file.FileAlreadyExistsException f -> f.getFile() + ": exists already";
            case java.nio.file.FileSystemException f when f.getReason() != null -> f.getFile() + ": " + f.getReason();
            default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        };
    }

    private void complain(String message) {
        shell.err().println(shell.errorStyle().paint(Look.RED, "tinyvm:") + " " + Printable.line(message));
    }
}
