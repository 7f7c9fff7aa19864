package dev.tinyvm.app;

import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.ExitCode;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Where the program's own files are: the entry script, and the build's generation with the C programs. The entry script says so in two system properties.
 *
 * @param entry the {@code tinyvm} script
 * @param programs directory of {@code tinyvm-guest} and {@code tinyvm-spawner}
 */
record Installation(Path entry, Path programs) {
    static Installation find() {
        String entry = System.getProperty("tinyvm.entry", "");
        String home = System.getProperty("tinyvm.home", "");
        if (entry.isEmpty() || home.isEmpty()) {
            throw new CliException(
                    ExitCode.FAILED,
                    "the program was not started through ./tinyvm, so its C programs are not known",
                    "Start it as ./tinyvm");
        }
        Installation found = new Installation(Path.of(entry), Path.of(home, "bin"));
        for (Path program : new Path[] {found.guest(), found.spawner()}) {
            if (!Files.isExecutable(program)) {
                throw new CliException(
                        ExitCode.FAILED, program + " is missing or not executable", "Build it: " + entry + " build");
            }
        }
        return found;
    }

    Path guest() {
        return programs.resolve("tinyvm-guest");
    }

    Path spawner() {
        return programs.resolve("tinyvm-spawner");
    }
}
