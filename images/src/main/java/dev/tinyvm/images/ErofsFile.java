package dev.tinyvm.images;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * EROFS files made of unpacked directories: half the size, immutable, and one file where there were thousands. They are made by {@code mkfs.erofs} of
 * erofs-utils and mounted by the kernel without a loop device.
 */
final class ErofsFile {
    /** Instead of {@link StorePaths#ROOTFS}. */
    static final String NAME = "rootfs.erofs";

    private static final String PROGRAM = "mkfs.erofs";
    private static final long FSOPEN = 430;
    private static final long FSCONFIG = 431;
    private static final long FSMOUNT = 432;
    private static final long FSCONFIG_SET_STRING = 1;
    private static final long FSCONFIG_CMD_CREATE = 6;
    private static final long MINUTES = 30;

    private ErofsFile() {}

    /** The program that makes them. */
    static Optional<Path> program() {
        for (String directory : (System.getenv().getOrDefault("PATH", "") + ":/usr/sbin:/usr/bin:/sbin").split(":")) {
            Path candidate = Path.of(directory.isEmpty() ? "/nonexistent" : directory, PROGRAM);
            if (Files.isExecutable(candidate)) {
                return Optional.of(candidate);
            }
        }
        return Optional.empty();
    }

    /**
     * Makes a file of a directory, durable when this returns.
     *
     * @return empty when it was made, else why not; then there is no file
     */
    static Optional<String> make(Path directory, Path file) throws IOException {
        Optional<Path> program = program();
        if (program.isEmpty()) {
            return Optional.of("there is no mkfs.erofs; install it with: sudo apt-get install erofs-utils");
        }
        Path said = file.resolveSibling(".mkfs.erofs.log");
        try {
            Process process = new ProcessBuilder(
                            program.get().toString(), "--quiet", "-zlz4", file.toString(), directory.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(said.toFile())
                    .start();
            process.getOutputStream().close();
            try {
                if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
                    process.destroyForcibly();
                    return failed(file, "mkfs.erofs did not end in " + MINUTES + " minutes");
                }
            } catch (InterruptedException e) {
                process.destroyForcibly();
                Thread.currentThread().interrupt();
                throw new IOException("interrupted while mkfs.erofs ran", e);
            }
            if (process.exitValue() != 0) {
                String text =
                        Files.readString(said, StandardCharsets.ISO_8859_1).strip();
                return failed(
                        file,
                        "mkfs.erofs ended with " + process.exitValue() + ": "
                                + EntryName.shown(text.substring(Math.max(0, text.length() - 100))));
            }
        } finally {
            Files.deleteIfExists(said);
        }
        Optional<String> unmounted = mountProblem(file);
        if (unmounted.isPresent()) {
            return failed(file, unmounted.get());
        }
        DurableFile.sync(file);
        return Optional.empty();
    }

    private static Optional<String> failed(Path file, String why) throws IOException {
        Files.deleteIfExists(file);
        return Optional.of(why);
    }

    /** Whether this kernel mounts the file, tried in no mount tree; empty: it does. */
    private static Optional<String> mountProblem(Path file) {
        try (Arena arena = Arena.ofConfined()) {
            long context =
                    Posix.raw("fsopen", FSOPEN, arena.allocateFrom("erofs").address(), 1);
            try {
                Posix.raw(
                        "fsconfig",
                        FSCONFIG,
                        context,
                        FSCONFIG_SET_STRING,
                        arena.allocateFrom("source").address(),
                        arena.allocateFrom(StorePaths.bytes(file), StandardCharsets.ISO_8859_1)
                                .address(),
                        0);
                Posix.raw("fsconfig", FSCONFIG, context, FSCONFIG_CMD_CREATE);
                Posix.close((int) Posix.raw("fsmount", FSMOUNT, context, 1, 1));
            } finally {
                Posix.close((int) context);
            }
            return Optional.empty();
        } catch (Posix.Failure e) {
            return Optional.of(
                    e.errno() == Posix.EPERM
                            ? "only root may mount it"
                            : "this kernel does not mount an EROFS file without a loop device (" + e.getMessage()
                                    + "); Linux 6.12 does");
        }
    }
}
