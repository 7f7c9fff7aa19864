package dev.tinyvm.app;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.CommandGroup;
import dev.tinyvm.cli.ExitCode;
import dev.tinyvm.cli.JsonOutput;
import dev.tinyvm.cli.ListForm;
import dev.tinyvm.cli.ManagerConnection;
import dev.tinyvm.cli.RunningManager;
import dev.tinyvm.cli.Shell;
import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.cli.text.Table;
import dev.tinyvm.images.Image;
import dev.tinyvm.images.ImageConfig;
import dev.tinyvm.images.ImageDocuments;
import dev.tinyvm.images.ImageException;
import dev.tinyvm.images.ImageFormat;
import dev.tinyvm.images.ImageStore;
import dev.tinyvm.images.ImportResult;
import dev.tinyvm.images.SignaturePolicy;
import dev.tinyvm.manager.ImagesInUse;
import dev.tinyvm.manager.ManagerException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** {@code tinyvm image}: works on the store itself, in this process, since only root can give files their owners. */
@Command(
        description =
                "List, pull, import, push and remove images. 'host' is always there: this machine's own programs.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  tinyvm image ls",
            "  sudo tinyvm image pull alpine:3.20",
            "  sudo tinyvm image import debian ./debian-rootfs.tar.gz",
            "  sudo tinyvm image import --user user tools /srv/debootstrap-tree",
            "  sudo tinyvm image rm debian"
        })
final class ImageCommand extends CommandGroup {
    ImageCommand() {
        super(
                "image ls, image inspect NAME, image pull REFERENCE, image import NAME SOURCE, image push NAME, image rm NAME, image gc");
    }

    static CommandLine line(Shell shell) {
        return new CommandLine(new ImageCommand())
                .addSubcommand(new Ls(shell))
                .addSubcommand(new Inspect(shell))
                .addSubcommand(new ImageTransferCommands.Pull(shell))
                .addSubcommand(new Import(shell))
                .addSubcommand(new ImageTransferCommands.Push(shell))
                .addSubcommand(new Remove(shell))
                .addSubcommand(new ImageTransferCommands.Gc(shell));
    }

    /** What all have: the store of the chosen data directory. */
    abstract static class OnStore implements Callable<Integer> {
        @Mixin
        final ManagerConnection manager = new ManagerConnection();

        @Option(
                names = {"-h", "--help"},
                usageHelp = true,
                description = "Show this help.")
        boolean help;

        final Shell shell;

        OnStore(Shell shell) {
            this.shell = shell;
        }

        abstract void run(ImageStore store);

        /** Which images must be signed, where that matters. */
        SignaturePolicy policy(Path data) {
            return SignaturePolicy.NONE;
        }

        /** Images that must stay, whether a manager is up or not. @throws CliException when that cannot be known */
        final Set<String> imagesInUse() {
            return imageUsers().keySet();
        }

        /** The same, each with the names of those that use it. */
        final SortedMap<String, SortedSet<String>> imageUsers() {
            Path data = manager.directories(shell).iterator().next();
            try {
                return ImagesInUse.by(data.resolve(RunningManager.DIRECTORY));
            } catch (ManagerException e) {
                throw new CliException(ExitCode.FAILED, "images could not be removed: " + e.getMessage());
            }
        }

        @Override
        public Integer call() {
            Path data = manager.directories(shell).iterator().next();
            try {
                run(new ImageStore(data.resolve("images"), ImageFormat.AUTO, policy(data)));
                return ExitCode.OK;
            } catch (ImageException e) {
                String[] hints = e.code() == ImageException.Code.PERMISSION && !Privileges.isRoot()
                        ? new String[] {"Try again with sudo"}
                        : new String[0];
                throw new CliException(ExitCode.FAILED, String.valueOf(e.getMessage()), hints);
            }
        }
    }

    /** {@code tinyvm image ls}. */
    @Command(
            name = "ls",
            description = "List images.",
            footerHeading = "%nExamples:%n",
            footer = "  tinyvm image ls --json")
    static final class Ls extends OnStore {
        @Mixin
        final ListForm form = new ListForm();

        Ls(Shell shell) {
            super(shell);
        }

        @Override
        void run(ImageStore store) {
            Map<String, List<String>> tags = new TreeMap<>();
            store.tags()
                    .forEach(tag -> tags.computeIfAbsent(tag.image(), image -> new ArrayList<>())
                            .add(tag.familiar()));
            List<Listed> images = store.list().stream()
                    .map(i -> Listed.of(i, tags.getOrDefault(i.name(), List.of())))
                    .toList();
            form.print(shell.out(), images, Listed::called, () -> table(images));
        }

        private Table table(List<Listed> images) {
            Table table = new Table(shell.style())
                    .left("NAME")
                    .right("SIZE")
                    .right("AGE")
                    .left("USER")
                    .left("DIGEST");
            Instant now = Instant.now();
            images.forEach(i -> i.called()
                    .forEach(name -> table.row(
                            name,
                            i.sizeBytes() == 0 ? "-" : Quantity.bytes(i.sizeBytes()),
                            Quantity.duration(Duration.between(i.createdAt(), now)),
                            i.defaultUser(),
                            i.digest().length() > 19 ? i.digest().substring(0, 19) : i.digest())));
            return table;
        }

        /** An image with the tags that point to it now. */
        record Listed(
                String name,
                List<String> tags,
                String digest,
                long sizeBytes,
                Instant createdAt,
                String defaultUser,
                List<String> command) {
            static Listed of(Image image, List<String> tags) {
                return new Listed(
                        image.name(),
                        List.copyOf(tags),
                        image.digest(),
                        image.sizeBytes(),
                        image.createdAt(),
                        image.defaultUser(),
                        image.defaultCommand());
            }

            /** As people call it: by its tags, else by its name. */
            List<String> called() {
                return tags.isEmpty() ? List.of(name) : tags;
            }
        }
    }

    /** {@code tinyvm image inspect}. */
    @Command(
            name = "inspect",
            description = {
                "Print all that is known of an image, as JSON.",
                "Root sees the manifest, with layers and their sizes, and the whole configuration, too."
            },
            footerHeading = "%nExamples:%n",
            footer = "  tinyvm image inspect host")
    static final class Inspect extends OnStore {
        @Parameters(paramLabel = "NAME", description = "Of the image.")
        String name = "";

        @Option(names = "--json", description = "Accepted for symmetry: the output is always JSON.")
        boolean json;

        Inspect(Shell shell) {
            super(shell);
        }

        @Override
        void run(ImageStore store) {
            Image image = store.inspect(name);
            ObjectNode all = new JsonMapper().valueToTree(image);
            ImageDocuments.of(store, image).ifPresent(documents -> {
                all.set("manifest", documents.manifest());
                all.set("config", documents.config());
            });
            JsonOutput.print(shell.out(), all);
        }
    }

    /** {@code tinyvm image import}. */
    @Command(
            name = "import",
            description =
                    "Make an image from a root file system: a directory, or a tar archive (plain or gzip). Needs root.",
            footerHeading = "%nExamples:%n",
            footer = {
                "  sudo tinyvm image import debian rootfs.tar.gz",
                "  sudo tinyvm image import --user user --env LANG=C.UTF-8 tools ./tree"
            })
    static final class Import extends OnStore {
        @Parameters(index = "0", paramLabel = "NAME", description = "What it will be called.")
        String name = "";

        @Parameters(index = "1", paramLabel = "SOURCE", description = "Directory or archive.")
        Path source = Path.of("");

        @Option(names = "--user", paramLabel = "USER", description = "User of commands that name none (default: root).")
        String user = "root";

        @Option(names = "--workdir", paramLabel = "DIR", description = "Directory of commands that name none.")
        String workingDir = "";

        @Option(
                names = {"-e", "--env"},
                paramLabel = "NAME=value",
                description = "Environment of every command.")
        Map<String, String> env = new LinkedHashMap<>();

        @Option(
                names = "--command",
                paramLabel = "WORD",
                split = ",",
                description = "Program and arguments when a descriptor names none, separated by commas.")
        List<String> command = new ArrayList<>();

        @Option(names = "--json", description = "Print JSON.")
        boolean json;

        Import(Shell shell) {
            super(shell);
        }

        @Override
        void run(ImageStore store) {
            ImportResult result = store.importFrom(name, source, new ImageConfig(user, env, workingDir, command));
            if (json) {
                JsonOutput.print(shell.out(), result);
                return;
            }
            shell.out()
                    .println(result.image().name() + "  "
                            + Quantity.bytes(result.image().sizeBytes()) + "  "
                            + result.image().digest());
            sayLeftOut(shell, result.leftOut());
        }
    }

    static void sayLeftOut(Shell shell, List<String> leftOut) {
        if (!leftOut.isEmpty()) {
            shell.err()
                    .println("left out " + leftOut.size() + ": "
                            + String.join(", ", leftOut.subList(0, Math.min(10, leftOut.size()))));
        }
    }

    /** Names of those that need an image, by whatever name they call it. */
    static SortedSet<String> users(ImageStore store, String called, Map<String, SortedSet<String>> inUse) {
        SortedSet<String> users = new TreeSet<>();
        inUse.forEach((image, names) -> {
            if (image.equals(called)
                    || store.find(image)
                            .filter(found -> found.name().equals(called))
                            .isPresent()) {
                users.addAll(names);
            }
        });
        return users;
    }

    /** {@code tinyvm image rm}. */
    @Command(
            name = "rm",
            description = "Remove an image that no Tiny VM uses. Needs root.",
            footerHeading = "%nExamples:%n",
            footer = "  sudo tinyvm image rm debian")
    static final class Remove extends OnStore {
        @Parameters(paramLabel = "NAME", description = "Of the image.")
        String name = "";

        @Option(names = "--json", description = "Print JSON.")
        boolean json;

        Remove(Shell shell) {
            super(shell);
        }

        @Override
        void run(ImageStore store) {
            String called = store.find(name).map(Image::name).orElse(name);
            try {
                store.remove(name, this::imagesInUse);
            } catch (ImageException e) {
                if (e.code() != ImageException.Code.IN_USE) {
                    throw e;
                }
                throw new CliException(
                        ExitCode.FAILED,
                        "the image `" + name + "` is used by " + String.join(", ", users(store, called, imageUsers())),
                        "Remove those first: tinyvm rm NAME");
            }
            if (json) {
                JsonOutput.print(shell.out(), Map.of("removed", name));
            }
        }
    }
}
