package dev.tinyvm.tests;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Runs a command on the host as a user would, with a deadline. */
final class Shell {
    private static final Duration DEADLINE = Duration.ofMinutes(5);

    private Shell() {}

    /** What a command said. */
    record Result(int exitCode, String output, String errors) {
        Result expectSuccess() {
            if (exitCode != 0) {
                throw new AssertionError("exit code " + exitCode + "\n" + output + "\n" + errors);
            }
            return this;
        }
    }

    static Result run(Path directory, String... command) throws IOException, InterruptedException {
        return run(directory, Map.of(), "", command);
    }

    static Result run(Path directory, Map<String, String> env, String input, String... command)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(List.of(command)).directory(directory.toFile());
        builder.environment().putAll(env);
        Process process = builder.start();
        CompletableFuture<String> output = reading(process.getInputStream());
        CompletableFuture<String> errors = reading(process.getErrorStream());
        try (var stdin = process.getOutputStream()) {
            stdin.write(input.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            // The command may end without reading its input; its exit code tells.
        }
        if (!process.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError("no end within " + DEADLINE + ": " + String.join(" ", command));
        }
        return new Result(process.exitValue(), output.join(), errors.join());
    }

    private static CompletableFuture<String> reading(InputStream stream) {
        CompletableFuture<String> text = new CompletableFuture<>();
        Thread.ofVirtual().start(() -> {
            try (stream) {
                text.complete(new String(stream.readAllBytes(), StandardCharsets.UTF_8));
            } catch (IOException e) {
                text.completeExceptionally(e);
            }
        });
        return text;
    }
}
