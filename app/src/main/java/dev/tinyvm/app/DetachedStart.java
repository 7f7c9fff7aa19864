package dev.tinyvm.app;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.cli.Shell;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** {@code up --detach}: starts {@code up} in a session of its own, waits for its ready line, and says why when it ends before. */
final class DetachedStart {
    private final Shell shell;
    private final Installation installation;

    DetachedStart(Shell shell, Installation installation) {
        this.shell = shell;
        this.installation = installation;
    }

    /** @param arguments of the process in the background */
    int start(Path data, List<String> arguments) throws IOException, InterruptedException {
        Path log = data.resolve("up.log");
        try {
            Files.createDirectories(data);
        } catch (IOException e) {
            throw new CliException(
                    ExitCode.FAILED,
                    "the data directory " + data + " cannot be made: " + e.getMessage(),
                    "Choose another with --data");
        }
        Files.deleteIfExists(log);
        List<String> command =
                new ArrayList<>(List.of("setsid", installation.entry().toString()));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(Path.of("/").toFile())
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectError(ProcessBuilder.Redirect.to(log.toFile()));
        builder.environment().put("TINYVM_BUILD", "never");
        Process process = builder.start();
        try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
            String line = out.readLine();
            if (line != null) {
                shell.out().println(line);
                return ExitCode.OK;
            }
        }
        int status = process.waitFor();
        for (String line : Files.readAllLines(log, StandardCharsets.UTF_8)) {
            shell.err().println(line);
        }
        return status == 0 ? ExitCode.FAILED : status;
    }
}
