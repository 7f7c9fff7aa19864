package dev.tinyvm.cli;

import dev.tinyvm.sdk.TinyVmClient;
import java.util.concurrent.Callable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A command that asks a manager. */
abstract class ClientCommand implements Callable<Integer> {
    @Mixin
    final ManagerConnection manager = new ManagerConnection();

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;

    final Shell shell;

    ClientCommand(Shell shell) {
        this.shell = shell;
    }

    /** Does it. @return the exit code */
    abstract int run(TinyVmClient client) throws Exception;

    @Override
    public Integer call() throws Exception {
        try (TinyVmClient client = manager.open(shell)) {
            return run(client);
        }
    }
}
