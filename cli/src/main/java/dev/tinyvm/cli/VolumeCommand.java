package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.cli.text.Table;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VolumeInfo;
import dev.tinyvm.spec.Quantities;
import dev.tinyvm.spec.Volume;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm volume}. */
@Command(
        description = "Make, list, remove, save and restore named volumes: files that outlive Tiny VMs.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  tinyvm volume create notes --size 2Gi",
            "  tinyvm run -v notes:/notes host -- sh -c 'date >> /notes/log'",
            "  tinyvm volume export notes > notes.tar",
            "  tinyvm volume import copy < notes.tar"
        })
final class VolumeCommand extends CommandGroup {
    VolumeCommand() {
        super(
                "volume create NAME, volume ls, volume inspect NAME, volume resize NAME SIZE, volume rm NAME, volume export NAME, volume import NAME");
    }

    static CommandLine line(Shell shell) {
        return new CommandLine(new VolumeCommand())
                .addSubcommand(new Create(shell))
                .addSubcommand(new Ls(shell))
                .addSubcommand(new Inspect(shell))
                .addSubcommand(new Resize(shell))
                .addSubcommand(new Remove(shell))
                .addSubcommand(new Export(shell))
                .addSubcommand(new Import(shell));
    }

    abstract static class OnVolume extends ClientCommand {
        @Parameters(index = "0", paramLabel = "NAME", description = "Of the volume.")
        String name = "";

        @Option(names = "--json", description = "Print JSON.")
        boolean json;

        OnVolume(Shell shell) {
            super(shell);
        }

        final int show(VolumeInfo volume) {
            if (json) {
                JsonOutput.print(shell.out(), volume);
            } else {
                shell.out().println(volume.name() + "  " + Quantity.bytes(volume.sizeBytes()));
            }
            return ExitCode.OK;
        }
    }

    /** {@code tinyvm volume create}. */
    @Command(
            name = "create",
            description = "Make a named volume.",
            footerHeading = "%nExamples:%n",
            footer = "  tinyvm volume create notes --size 2Gi")
    static final class Create extends OnVolume {
        @Option(names = "--size", paramLabel = "SIZE", description = "What it may hold (default: 1Gi).")
        @Nullable
        String size;

        @Option(names = "--exclusive", description = "One Tiny VM at a time may mount it.")
        boolean exclusive;

        Create(Shell shell) {
            super(shell);
        }

        @Override
        int run(TinyVmClient client) {
            long bytes = size == null
                    ? Volume.DEFAULT_SIZE_BYTES
                    : ResizeCommand.quantity("--size", size, Quantities::parseBytes);
            return show(client.volumes().create(name, bytes, exclusive));
        }
    }

    /** {@code tinyvm volume ls}. */
    @Command(
            name = "ls",
            description = "List named volumes.",
            footerHeading = "%nExamples:%n",
            footer = "  tinyvm volume ls")
    static final class Ls extends ClientCommand {
        @Mixin
        final ListForm form = new ListForm();

        Ls(Shell shell) {
            super(shell);
        }

        @Override
        int run(TinyVmClient client) {
            List<VolumeInfo> volumes = client.volumes().list();
            form.print(shell.out(), volumes, volume -> List.of(volume.name()), () -> table(volumes));
            return ExitCode.OK;
        }

        private Table table(List<VolumeInfo> volumes) {
            Table table = new Table(shell.style())
                    .left("NAME")
                    .right("USED")
                    .right("SIZE")
                    .left("KIND")
                    .left("USED BY");
            volumes.forEach(volume -> table.row(
                    volume.name(),
                    volume.usedBytes().isPresent()
                            ? Quantity.bytes(volume.usedBytes().getAsLong())
                            : "?",
                    Quantity.bytes(volume.sizeBytes()),
                    volume.exclusive() ? "exclusive" : "shared",
                    String.join(", ", volume.usedBy())));
            return table;
        }
    }

    /** {@code tinyvm volume inspect}. */
    @Command(
            name = "inspect",
            description = "Print all that is known of a volume, as JSON.",
            footerHeading = "%nExamples:%n",
            footer = "  tinyvm volume inspect notes")
    static final class Inspect extends OnVolume {
        Inspect(Shell shell) {
            super(shell);
        }

        @Override
        int run(TinyVmClient client) {
            JsonOutput.print(shell.out(), client.volumes().get(name));
            return ExitCode.OK;
        }
    }

    /** {@code tinyvm volume resize}. */
    @Command(
            name = "resize",
            description = "Change what a volume may hold, also while it is mounted.",
            footerHeading = "%nExamples:%n",
            footer = "  tinyvm volume resize notes 4Gi")
    static final class Resize extends OnVolume {
        @Parameters(index = "1", paramLabel = "SIZE", description = "Such as 4Gi.")
        String size = "";

        Resize(Shell shell) {
            super(shell);
        }

        @Override
        int run(TinyVmClient client) {
            return show(client.volumes().resize(name, ResizeCommand.quantity("SIZE", size, Quantities::parseBytes)));
        }
    }

    /** {@code tinyvm volume rm}. */
    @Command(
            name = "rm",
            description = "Remove a volume with all that is in it. No Tiny VM may name it.",
            footerHeading = "%nExamples:%n",
            footer = "  tinyvm volume rm notes")
    static final class Remove extends OnVolume {
        Remove(Shell shell) {
            super(shell);
        }

        @Override
        int run(TinyVmClient client) {
            client.volumes().remove(name);
            if (json) {
                JsonOutput.print(shell.out(), Map.of("removed", name));
            }
            return ExitCode.OK;
        }
    }

    /** {@code tinyvm volume export}. */
    @Command(
            name = "export",
            description = "Write all that is in a volume as a tar archive, to a file or to standard output.",
            footerHeading = "%nExamples:%n",
            footer = {"  tinyvm volume export notes notes.tar", "  tinyvm volume export notes | zstd > notes.tar.zst"})
    static final class Export extends OnVolume {
        @Parameters(
                index = "1",
                arity = "0..1",
                paramLabel = "FILE",
                description = "Made or replaced (default: standard output).")
        @Nullable
        Path file;

        Export(Shell shell) {
            super(shell);
        }

        @Override
        int run(TinyVmClient client) {
            try (OutputStream to =
                    file == null ? new BufferedOutputStream(shell.out(), 1 << 16) : Files.newOutputStream(file)) {
                client.volumes().exportTo(name, to);
            } catch (IOException e) {
                throw failed("the volume " + name + " could not be exported: " + e.getMessage());
            }
            if (json && file != null) {
                JsonOutput.print(shell.out(), Map.of("exported", name, "file", file.toString()));
            }
            return ExitCode.OK;
        }
    }

    /** {@code tinyvm volume import}. */
    @Command(
            name = "import",
            description = "Put what a tar archive holds into a volume, which is made when it is missing.",
            footerHeading = "%nExamples:%n",
            footer = {"  tinyvm volume import notes notes.tar", "  zstd -d < notes.tar.zst | tinyvm volume import notes"
            })
    static final class Import extends OnVolume {
        @Parameters(
                index = "1",
                arity = "0..1",
                paramLabel = "FILE",
                description = "The archive (default: standard input).")
        @Nullable
        Path file;

        @Option(names = "--size", paramLabel = "SIZE", description = "Of the volume, when it is made (default: 1Gi).")
        @Nullable
        String size;

        Import(Shell shell) {
            super(shell);
        }

        @Override
        int run(TinyVmClient client) {
            long bytes = size == null
                    ? Volume.DEFAULT_SIZE_BYTES
                    : ResizeCommand.quantity("--size", size, Quantities::parseBytes);
            boolean there = client.volumes().list().stream()
                    .anyMatch(volume -> volume.name().equals(name));
            try (InputStream from = file == null ? shell.in() : Files.newInputStream(file)) {
                if (!there) {
                    VolumeInfo _ = client.volumes().create(name, bytes, false);
                }
                return show(client.volumes().importFrom(name, from));
            } catch (IOException e) {
                throw failed("the volume " + name + " could not be filled: " + e.getMessage());
            }
        }
    }

    private static CliException failed(String message) {
        return new CliException(ExitCode.FAILED, message);
    }
}
