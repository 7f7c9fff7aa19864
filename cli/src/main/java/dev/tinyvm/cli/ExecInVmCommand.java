package dev.tinyvm.cli;

import dev.tinyvm.sdk.ExecCommand;
import dev.tinyvm.sdk.ExecSession;
import dev.tinyvm.sdk.TinyVmClient;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm exec}. */
@Command(
        description = {
            "Run a command in a running Tiny VM. Its exit status becomes this one's;",
            "125: it could not be run, 126: it is not executable, 127: there is no such program."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  tinyvm exec researcher-0 -- ls -l",
            "  tinyvm exec -it researcher-0 -- bash",
            "  tinyvm exec -i researcher-0 -- tar x < notes.tar",
            "  tinyvm exec -u root -w / researcher-0 -- id"
        })
final class ExecInVmCommand extends ClientCommand implements TakesCommand {
    @Parameters(
            index = "0",
            paramLabel = "NAME",
            description = "A Tiny VM by id or name, or an agent (its first Tiny VM).")
    String name = "";

    @Parameters(index = "1..*", arity = "0..*", paramLabel = "-- CMD", description = "Program and arguments.")
    List<String> command = new ArrayList<>();

    @Mixin
    final StreamOptions streams = new StreamOptions();

    @Option(
            names = {"-d", "--detach"},
            description = "Start it and print its process id, do not wait.")
    boolean detach;

    @Option(
            names = {"-e", "--env"},
            paramLabel = "NAME=value",
            description = "Environment; NAME alone takes the value from here.")
    List<String> env = new ArrayList<>();

    @Option(
            names = {"-w", "--workdir"},
            paramLabel = "DIR",
            description = "Directory inside (default: the user's home).")
    String workingDir = "";

    @Option(
            names = {"-u", "--user"},
            paramLabel = "USER",
            description = "User inside (default: the image's).")
    String user = "";

    ExecInVmCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) throws InterruptedException {
        if (!command.isEmpty() && command.getFirst().equals("--")) {
            command = command.subList(1, command.size());
        }
        if (command.isEmpty()) {
            throw new CliException(ExitCode.USAGE, "which command? Such as: tinyvm exec " + name + " -- ls -l");
        }
        ExecCommand request = ExecCommand.of(command)
                .withEnv(Environment.parse(env, shell))
                .withWorkingDir(workingDir)
                .withUser(user)
                .withStdin(streams.interactive && !detach)
                .withDetach(detach);
        try (ForegroundProcess process = new ForegroundProcess(shell, streams.tty && !detach)) {
            if (streams.tty) {
                request = request.withTerminal(process.window());
            }
            try (ExecSession session = client.openExec(name, request)) {
                if (detach) {
                    shell.out().println(session.processId());
                    return ExitCode.OK;
                }
                return process.attach(session, streams.interactive);
            }
        }
    }
}
