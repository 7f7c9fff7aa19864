package dev.tinyvm.cli;

import dev.tinyvm.sdk.FileEntry;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.TinyVmException;
import dev.tinyvm.sdk.VmFiles;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm cp}. */
@Command(
        description = {
            "Copy a file or a directory into or out of a running Tiny VM. The place inside is NAME:PATH; a relative path starts at the user's home.",
            "A target that is a directory, or ends with /, gets the source inside it. '-' is standard input or output."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  tinyvm cp notes.txt researcher-0:notes.txt",
            "  tinyvm cp ./data researcher-0:/home/user/",
            "  tinyvm cp researcher-0:/home/user/out ./results",
            "  tinyvm cp researcher-0:report.json - | jq ."
        })
final class CpCommand extends ClientCommand {
    @Parameters(index = "0", paramLabel = "FROM", description = "A path here, or NAME:PATH.")
    String from = "";

    @Parameters(index = "1", paramLabel = "TO", description = "NAME:PATH, or a path here.")
    String to = "";

    @Option(
            names = {"-u", "--user"},
            paramLabel = "USER",
            description = "With the rights of this user inside (default: the image's).")
    String user = "";

    @Option(
            names = {"-q", "--quiet"},
            description = "Print nothing but errors.")
    boolean quiet;

    CpCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) throws IOException {
        Optional<Place> source = Place.parse(from);
        Optional<Place> target = Place.parse(to);
        if (source.isPresent() == target.isPresent()) {
            throw new CliException(
                    ExitCode.USAGE,
                    source.isPresent()
                            ? "from one Tiny VM to another goes in two steps, over here"
                            : "one of the two must be inside a Tiny VM: NAME:PATH");
        }
        FileCopy copy;
        if (target.isPresent()) {
            VmFiles files = files(client, target.get().vm());
            copy = new FileCopy(files, shell.err()::println);
            if (from.equals("-")) {
                files.write(target.get().path(), shell.in(), VmFiles.WriteOptions.REPLACE);
                return ExitCode.OK;
            }
            Path local = Path.of(from);
            copy.upload(local, insideDirectory(files, target.get().path(), local));
        } else {
            Place place = source.orElseThrow();
            VmFiles files = files(client, place.vm());
            copy = new FileCopy(files, shell.err()::println);
            if (to.equals("-")) {
                try (InputStream content = files.read(place.path())) {
                    content.transferTo(shell.out());
                }
                return ExitCode.OK;
            }
            FileEntry entry = files.stat(place.path(), true);
            Path local = Path.of(to);
            if (Files.isDirectory(local) || to.endsWith("/")) {
                local = local.resolve(FileCopy.lastName(entry.path()));
            }
            copy.download(entry, local);
        }
        if (!quiet) {
            shell.err().println(copy.summary());
        }
        return copy.complete() ? ExitCode.OK : ExitCode.FAILED;
    }

    private VmFiles files(TinyVmClient client, String vm) {
        VmFiles files = client.files(vm);
        return user.isEmpty() ? files : files.as(user);
    }

    private static String insideDirectory(VmFiles files, String path, Path local) throws IOException {
        String name = local.toRealPath(LinkOption.NOFOLLOW_LINKS).getFileName().toString();
        if (path.endsWith("/")) {
            return path + name;
        }
        try {
            return files.stat(path, true).directory() ? path + "/" + name : path;
        } catch (TinyVmException e) {
            if (e.errno().equals("ENOENT")) {
                return path;
            }
            throw e;
        }
    }

    /** {@code NAME:PATH}. A path here that has a colon is written with ./ before it. An empty path is the user's home. */
    record Place(String vm, String path) {
        static Optional<Place> parse(String text) {
            int colon = text.indexOf(':');
            int slash = text.indexOf('/');
            if (colon <= 0 || (slash >= 0 && slash < colon)) {
                return Optional.empty();
            }
            String path = text.substring(colon + 1);
            return Optional.of(new Place(text.substring(0, colon), path.isEmpty() ? "." : path));
        }
    }
}
