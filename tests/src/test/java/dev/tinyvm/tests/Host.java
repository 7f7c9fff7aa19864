package dev.tinyvm.tests;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** What can be seen of TinyVM on the host from outside. */
final class Host {
    private Host() {}

    /** {@code PID COMMAND LINE} of each process whose command line has the text; this JVM and what runs it apart. */
    static List<String> processesNaming(String text) {
        List<String> found = new ArrayList<>();
        for (Path process : children(Path.of("/proc"))) {
            if (process.getFileName().toString().matches("\\d+")) {
                try {
                    String line = Files.readString(process.resolve("cmdline"))
                            .replace('\0', ' ')
                            .trim();
                    if (line.contains(text) && !line.contains("surefire") && !line.contains("org.codehaus.plexus")) {
                        found.add(process.getFileName() + " " + line);
                    }
                } catch (IOException e) {
                    // It ended while we looked.
                }
            }
        }
        return found;
    }

    /** Cgroups of any hierarchy whose name starts so. */
    static List<String> cgroupsNamed(String start) {
        List<String> found = new ArrayList<>();
        List<Path> roots = new ArrayList<>(List.of(Path.of("/sys/fs/cgroup")));
        roots.addAll(children(Path.of("/sys/fs/cgroup")).stream()
                .filter(Files::isDirectory)
                .toList());
        for (Path root : roots) {
            children(root).stream()
                    .filter(g -> g.getFileName().toString().startsWith(start))
                    .forEach(g -> found.add("cgroup " + g));
        }
        return found;
    }

    /** Loop devices over a file whose path has the text. */
    static List<String> loopsOver(String text) {
        List<String> found = new ArrayList<>();
        for (Path device : children(Path.of("/sys/block"))) {
            try {
                if (Files.readString(device.resolve("loop/backing_file")).contains(text)) {
                    found.add("loop " + device.getFileName());
                }
            } catch (IOException e) {
                // Not a loop device, or it was detached while we looked.
            }
        }
        return found;
    }

    private static List<Path> children(Path directory) {
        try (Stream<Path> children = Files.list(directory)) {
            return children.toList();
        } catch (IOException | java.io.UncheckedIOException e) {
            return List.of();
        }
    }
}
