package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.cli.text.Table;
import dev.tinyvm.sdk.ApiKey;
import dev.tinyvm.sdk.TinyVmClient;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm key}. */
@Command(
        description = "Make, list and revoke API keys. Only their hashes are stored.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  export TINYVM_API_KEY=$(sudo tinyvm key create laptop)",
            "  tinyvm key ls",
            "  tinyvm key revoke laptop"
        })
final class KeyCommand extends CommandGroup {
    KeyCommand() {
        super("key create NAME, key ls, key revoke NAME");
    }

    /** {@code tinyvm key create}. */
    @Command(
            name = "create",
            description = "Make a key and print it, alone: it is shown this once.",
            footerHeading = "%nExamples:%n",
            footer = {"  tinyvm key create laptop"})
    static final class Create extends ClientCommand {
        @Parameters(paramLabel = "NAME", description = "For people, to revoke it by.")
        String name = "";

        @Option(names = "--json", description = "Print JSON.")
        boolean json;

        Create(Shell shell) {
            super(shell);
        }

        @Override
        int run(TinyVmClient client) {
            ApiKey.Created created = client.createKey(name);
            if (json) {
                JsonOutput.print(shell.out(), created);
            } else {
                shell.out().println(created.secret());
            }
            return ExitCode.OK;
        }
    }

    /** {@code tinyvm key ls}. */
    @Command(
            name = "ls",
            description = "List keys without their secrets.",
            footerHeading = "%nExamples:%n",
            footer = {"  tinyvm key ls"})
    static final class Ls extends ClientCommand {
        @Option(
                names = {"-q", "--quiet"},
                description = "Print ids alone.")
        boolean quiet;

        @Option(names = "--json", description = "Print JSON.")
        boolean json;

        Ls(Shell shell) {
            super(shell);
        }

        @Override
        int run(TinyVmClient client) {
            List<ApiKey> keys = client.keys();
            if (json) {
                JsonOutput.print(shell.out(), keys);
            } else if (quiet) {
                keys.forEach(k -> shell.out().println(k.id()));
            } else {
                Table table = new Table(shell.style())
                        .left("NAME")
                        .left("ID")
                        .right("AGE")
                        .left("LAST USED");
                Instant now = Instant.now();
                keys.forEach(k -> table.row(
                        k.name(),
                        k.id(),
                        Quantity.duration(Duration.between(k.createdAt(), now)),
                        k.lastUsedAt()
                                .map(at -> Quantity.duration(Duration.between(at, now)) + " ago")
                                .orElse("never")));
                table.lines().forEach(shell.out()::println);
            }
            return ExitCode.OK;
        }
    }

    /** {@code tinyvm key revoke}. */
    @Command(
            name = "revoke",
            description = "Make a key worthless at once.",
            footerHeading = "%nExamples:%n",
            footer = {"  tinyvm key revoke laptop"})
    static final class Revoke extends ClientCommand {
        @Parameters(paramLabel = "NAME|ID", description = "Of the key.")
        String name = "";

        Revoke(Shell shell) {
            super(shell);
        }

        @Override
        int run(TinyVmClient client) {
            client.revokeKey(name);
            return ExitCode.OK;
        }
    }
}
