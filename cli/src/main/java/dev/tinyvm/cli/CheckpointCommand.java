package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.cli.text.Table;
import dev.tinyvm.sdk.CheckpointInfo;
import dev.tinyvm.sdk.TinyVmClient;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm checkpoint}. A Tiny VM may have any name, so what else can be done with checkpoints are options, not subcommands. */
@Command(
        description = {
            "Write a running or paused Tiny VM behind gVisor to disk: processes, memory and files. It goes on.",
            "`tinyvm restore` makes others that go on from there."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  tinyvm checkpoint researcher-0 --name warm",
            "  tinyvm checkpoint --list",
            "  tinyvm checkpoint --remove warm"
        })
final class CheckpointCommand extends ClientCommand {
    @Parameters(arity = "0..1", paramLabel = "VM", description = "A Tiny VM by id or name.")
    @Nullable
    String vm;

    @Option(names = "--name", paramLabel = "NAME", description = "Of the checkpoint (default: made up, and printed).")
    String name = "";

    @Option(names = "--list", description = "List checkpoints.")
    boolean list;

    @Option(names = "--inspect", paramLabel = "NAME", description = "Print all that is known of a checkpoint, as JSON.")
    @Nullable
    String inspect;

    @Option(names = "--remove", paramLabel = "NAME", description = "Remove a checkpoint; may be repeated.")
    List<String> remove = new ArrayList<>();

    @Option(
            names = {"-q", "--quiet"},
            description = "With --list: print names alone.")
    boolean quiet;

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    CheckpointCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) {
        int wanted = (vm == null ? 0 : 1) + (list ? 1 : 0) + (inspect == null ? 0 : 1) + (remove.isEmpty() ? 0 : 1);
        if (wanted != 1) {
            throw new CliException(
                    ExitCode.USAGE, "which? checkpoint VM [--name NAME], or --list, --inspect NAME, --remove NAME");
        }
        if (list) {
            show(client.checkpoints().list());
        } else if (inspect != null) {
            JsonOutput.print(shell.out(), client.checkpoints().get(inspect));
        } else if (vm != null) {
            CheckpointInfo made = client.checkpoints().write(vm, name);
            if (json) {
                JsonOutput.print(shell.out(), made);
            } else {
                shell.out().println(made.name() + "  " + Quantity.bytes(made.bytes()));
            }
        } else {
            remove.forEach(client.checkpoints()::remove);
            if (json) {
                JsonOutput.print(shell.out(), Map.of("removed", remove));
            }
        }
        return ExitCode.OK;
    }

    private void show(List<CheckpointInfo> checkpoints) {
        if (json) {
            JsonOutput.print(shell.out(), checkpoints);
            return;
        }
        if (quiet) {
            checkpoints.forEach(checkpoint -> shell.out().println(checkpoint.name()));
            return;
        }
        Table table = new Table(shell.style())
                .left("NAME")
                .left("OF")
                .left("IMAGE")
                .right("SIZE")
                .left("CREATED");
        checkpoints.forEach(checkpoint -> table.row(
                checkpoint.name(),
                checkpoint.vmName(),
                checkpoint.image(),
                Quantity.bytes(checkpoint.bytes()),
                checkpoint.createdAt().toString()));
        table.lines().forEach(shell.out()::println);
    }
}
