package dev.tinyvm.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tinyvm version}. */
@Command(
        description = "Print the version of this program.",
        footerHeading = "%nExamples:%n",
        footer = {"  tinyvm version"})
final class VersionCommand implements Callable<Integer> {
    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;

    private final Shell shell;

    VersionCommand(Shell shell) {
        this.shell = shell;
    }

    @Override
    public Integer call() {
        if (json) {
            JsonOutput.print(
                    shell.out(),
                    new Versions(Cli.VERSION, Runtime.version().toString(), System.getProperty("os.arch", "")));
        } else {
            shell.out().println("tinyvm " + Cli.VERSION);
        }
        return ExitCode.OK;
    }

    record Versions(String version, String java, String architecture) {}
}
