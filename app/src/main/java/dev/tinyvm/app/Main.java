package dev.tinyvm.app;

import dev.tinyvm.cli.Cli;
import dev.tinyvm.cli.ClientCommands;
import dev.tinyvm.cli.Shell;
import java.util.List;

/** Entry point of every command. */
public final class Main {
    private Main() {}

    public static void main(String[] args) {
        int code = new Cli(Shell.ofProcess(), List.of(new HostCommands(), new ClientCommands())).run(args);
        // Threads that read a terminal or a pipe cannot be interrupted: they are not waited for.
        System.exit(code);
    }
}
