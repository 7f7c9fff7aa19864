package dev.tinyvm.cli;

import dev.tinyvm.sdk.TinyVmClient;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tinyvm save} and {@code tinyvm resurrect}: PM2's habit. */
abstract class SaveCommand extends ClientCommand {
    @Option(
            names = {"-q", "--quiet"},
            description = "Print nothing but errors.")
    boolean quiet;

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    SaveCommand(Shell shell) {
        super(shell);
    }

    abstract List<String> names(TinyVmClient client);

    abstract String word();

    @Override
    int run(TinyVmClient client) {
        List<String> names = names(client);
        if (json) {
            JsonOutput.print(shell.out(), names);
        } else if (!quiet) {
            names.forEach(shell.out()::println);
            shell.err().println(names.size() + " " + word());
        }
        return ExitCode.OK;
    }

    /** {@code tinyvm save}. */
    @Command(
            description = "Write down which agents and Tiny VMs run now, to bring them back with resurrect.",
            footerHeading = "%nExamples:%n",
            footer = {"  tinyvm save"})
    static final class Save extends SaveCommand {
        Save(Shell shell) {
            super(shell);
        }

        @Override
        List<String> names(TinyVmClient client) {
            return client.save();
        }

        @Override
        String word() {
            return "saved";
        }
    }

    /** {@code tinyvm resurrect}. */
    @Command(
            description = "Bring back what was saved and does not run.",
            footerHeading = "%nExamples:%n",
            footer = {"  tinyvm resurrect"})
    static final class Resurrect extends SaveCommand {
        Resurrect(Shell shell) {
            super(shell);
        }

        @Override
        List<String> names(TinyVmClient client) {
            return client.resurrect();
        }

        @Override
        String word() {
            return "brought back";
        }
    }
}
