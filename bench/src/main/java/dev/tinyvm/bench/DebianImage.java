package dev.tinyvm.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** A Debian with Python, Node and git, as a real image: made once by mmdebstrap and kept in the user's cache, packed by umoci. For benchmarks and tests. */
public final class DebianImage {
    /** What it takes to make one. */
    private static final List<String> PROGRAMS = List.of("mmdebstrap", "umoci");

    private static final String ARCHIVE = "bench-image-1";
    private static final int SAID = 300;

    private DebianImage() {}

    /** Where such things are kept: {@code $XDG_CACHE_HOME/tinyvm}, else {@code ~/.cache/tinyvm}. Source: XDG Base Directory Specification. */
    public static Path cache(String xdgCacheHome) {
        return (xdgCacheHome.isEmpty()
                        ? Path.of(System.getProperty("user.home", "/root"), ".cache")
                        : Path.of(xdgCacheHome))
                .resolve("tinyvm");
    }

    /** What this machine lacks to make one, as a sentence. */
    public static Optional<String> missing() {
        return PROGRAMS.stream()
                .filter(program -> Stream.of("/usr/bin", "/usr/local/bin", "/bin")
                        .noneMatch(directory -> Files.isExecutable(Path.of(directory, program))))
                .findFirst()
                .map(program -> program + " is not installed: sudo apt-get install " + String.join(" ", PROGRAMS));
    }

    /**
     * The root file system as a tar archive, made when the cache has none.
     *
     * @throws IOException a program is missing, or the packages cannot be had; the message says which
     */
    public static Path archive(Path cache, Consumer<String> progress) throws IOException, InterruptedException {
        Path archive = cache.resolve(ARCHIVE + ".tar");
        if (Files.notExists(archive)) {
            progress.accept("making a Debian with mmdebstrap, once (kept as " + archive + ")");
            Files.createDirectories(cache);
            Path partial = cache.resolve(ARCHIVE + "." + ProcessHandle.current().pid() + ".tar");
            try {
                call("mmdebstrap", "--variant=minbase", "--include=python3,nodejs,git", "stable", partial.toString());
                Files.move(partial, archive, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(partial);
            }
        }
        return archive;
    }

    /**
     * Packs it as an OCI layout of two layers, with the tag {@code 1}.
     *
     * @param layout made by this
     * @param upper a file of the second layer
     * @param name of that file in the image
     */
    public static void pack(Path archive, Path layout, Path upper, String name)
            throws IOException, InterruptedException {
        call("umoci", "init", "--layout", layout.toString());
        call("umoci", "new", "--image", layout + ":1");
        call("umoci", "raw", "add-layer", "--image", layout + ":1", archive.toString());
        call("umoci", "insert", "--image", layout + ":1", upper.toString(), name);
    }

    private static void call(String... command) throws IOException, InterruptedException {
        Path said = Files.createTempFile("tinyvm-image-", ".log");
        try {
            Process process;
            try {
                process = new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(said.toFile())
                        .start();
            } catch (IOException e) {
                throw new IOException(
                        command[0] + " cannot be started; install it with: sudo apt-get install "
                                + String.join(" ", PROGRAMS),
                        e);
            }
            process.getOutputStream().close();
            if (process.waitFor() != 0) {
                String text = Files.readString(said, StandardCharsets.ISO_8859_1);
                throw new IOException(command[0] + " ended with " + process.exitValue() + ": "
                        + text.substring(Math.max(0, text.length() - SAID)).strip());
            }
        } finally {
            Files.deleteIfExists(said);
        }
    }
}
