package dev.tinyvm.app;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.CommandGroup;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.cli.JsonOutput;
import dev.tinyvm.cli.Shell;
import dev.tinyvm.spec.LlmConfig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm secret}: works on the data directory itself, since no API ever takes or gives a secret. */
@Command(
        description = {
            "Store, list and remove keys of LLM providers. tinyvm.yaml refers to one by apiKey: {secret: NAME}.",
            "A secret is never shown again. A running manager uses a changed one within a second."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  sudo tinyvm secret set openai < key.txt",
            "  pass show openai | sudo tinyvm secret set openai",
            "  sudo tinyvm secret ls",
            "  sudo tinyvm secret rm openai"
        })
final class SecretCommands extends CommandGroup {
    private static final int MAX_BYTES = 8 << 10;

    SecretCommands() {
        super("secret set NAME (the value comes from stdin), secret ls, secret rm NAME");
    }

    static CommandLine line(Shell shell) {
        return new CommandLine(new SecretCommands())
                .addSubcommand(new Set(shell))
                .addSubcommand(new Ls(shell))
                .addSubcommand(new Remove(shell));
    }

    /** What all have. */
    abstract static class OnSecrets extends OnDataDirectory {
        OnSecrets(Shell shell) {
            super(shell, "the secrets");
        }

        abstract void runSecrets(Secrets secrets) throws IOException;

        @Override
        final void run(Path directory) throws IOException {
            runSecrets(new Secrets(directory));
        }

        /** The name, checked: it is a file's name too. */
        static String checked(String name) {
            LlmConfig.wrongSecretName(name).ifPresent(wrong -> {
                throw new CliException(ExitCode.USAGE, "the secret's name " + wrong);
            });
            return name;
        }
    }

    @Command(name = "set", description = "Store the value that comes on stdin, in the place of what is there.")
    static final class Set extends OnSecrets {
        @Parameters(paramLabel = "NAME", description = "1 to 50 characters a-z, 0-9 and -.")
        @SuppressWarnings("NullAway.Init") // picocli sets it
        String name;

        Set(Shell shell) {
            super(shell);
        }

        @Override
        void runSecrets(Secrets secrets) throws IOException {
            String checked = checked(name);
            if (shell.stdinIsTerminal()) {
                shell.err().println("tinyvm: type or paste the value, then Enter and Ctrl-D; it is shown as you type");
            }
            byte[] bytes = shell.in().readNBytes(MAX_BYTES + 1);
            String value = new String(bytes, StandardCharsets.UTF_8).strip();
            if (bytes.length > MAX_BYTES) {
                throw new CliException(ExitCode.USAGE, "the value is larger than " + MAX_BYTES + " bytes");
            }
            if (value.isEmpty()) {
                throw new CliException(
                        ExitCode.USAGE,
                        "no value came on stdin",
                        "Such as: tinyvm secret set " + checked + " < key.txt");
            }
            if (value.chars().anyMatch(c -> c <= ' ' || c > '~')) {
                throw new CliException(
                        ExitCode.USAGE,
                        "the value holds blanks, line ends or characters outside of ASCII, which no provider's key does",
                        "Give the key alone");
            }
            secrets.set(checked, value + "\n");
            shell.err().println("tinyvm: stored; use it in tinyvm.yaml as apiKey: {secret: " + checked + "}");
        }
    }

    @Command(name = "ls", description = "List the names; values are never shown.")
    static final class Ls extends OnSecrets {
        @Option(names = "--json", description = "Print JSON.")
        boolean json;

        Ls(Shell shell) {
            super(shell);
        }

        @Override
        void runSecrets(Secrets secrets) throws IOException {
            List<String> names = secrets.names();
            if (json) {
                JsonOutput.print(shell.out(), Map.of("secrets", names));
            } else {
                names.forEach(shell.out()::println);
            }
        }
    }

    @Command(
            name = "rm",
            description = "Remove one. A provider that is configured with it refuses calls until it is there again.")
    static final class Remove extends OnSecrets {
        @Parameters(paramLabel = "NAME", description = "As 'secret ls' shows it.")
        @SuppressWarnings("NullAway.Init") // picocli sets it
        String name;

        Remove(Shell shell) {
            super(shell);
        }

        @Override
        void runSecrets(Secrets secrets) throws IOException {
            if (!secrets.remove(checked(name))) {
                throw new CliException(
                        ExitCode.FAILED,
                        "there is no secret '" + name + "'",
                        "See what there is with: tinyvm secret ls");
            }
        }
    }
}
