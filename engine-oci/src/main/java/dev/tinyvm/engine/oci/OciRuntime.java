package dev.tinyvm.engine.oci;

import dev.tinyvm.engine.EngineKind;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The OCI runtimes that TinyVM drives, and where this host has them. */
public enum OciRuntime {
    CRUN(EngineKind.CRUN, "crun", "sudo apt-get install crun"),
    RUNC(EngineKind.RUNC, "runc", "sudo apt-get install runc"),
    /** gVisor. The platform systrap came in the middle of 2023; Debian 12's own package is older than that. */
    RUNSC(
            EngineKind.GVISOR,
            "runsc",
            "sudo apt-get install -t bookworm-backports runsc (20230801 or newer; gvisor.dev has packages for other systems)");

    /** What the gVisor wall runs on; no other platform works unprivileged and without hardware. */
    public static final String GVISOR_PLATFORM = "systrap";

    private static final int OLDEST_RUNSC = 20_230_801;
    private static final List<Path> PLACES =
            List.of(Path.of("/usr/local/bin"), Path.of("/usr/bin"), Path.of("/usr/local/sbin"), Path.of("/usr/sbin"));
    private static final Pattern VERSION = Pattern.compile("version (?:release-)?([0-9][0-9a-zA-Z.+~-]*)");
    private static final Pattern DATE = Pattern.compile("(20[0-9]{6})");
    private static final long ANSWER_SECONDS = 10;
    private static final int MAX_ANSWER_BYTES = 4096;

    private final EngineKind kind;
    private final String program;
    private final String remedy;

    OciRuntime(EngineKind kind, String program, String remedy) {
        this.kind = kind;
        this.program = program;
        this.remedy = remedy;
    }

    /** The engine that is made with it. */
    public EngineKind kind() {
        return kind;
    }

    /** Its program's name, also its name in the spawner's protocol. */
    public String program() {
        return program;
    }

    /** How to get it. */
    public String remedy() {
        return remedy;
    }

    /** Where this host has it: a program of root's that nobody else may write, as the spawner demands. */
    public Optional<Path> find() {
        return PLACES.stream()
                .map(place -> place.resolve(program))
                .filter(OciRuntime::isRoots)
                .findFirst();
    }

    /** What it says of its version, such as {@code 1.8.1}; empty when it says nothing usable. */
    public Optional<String> version(Path path) {
        try {
            Process process = new ProcessBuilder(path.toString(), "--version")
                    .redirectErrorStream(true)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .start();
            if (!process.waitFor(ANSWER_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return Optional.empty();
            }
            try (InputStream out = process.getInputStream()) {
                Matcher version = VERSION.matcher(new String(out.readNBytes(MAX_ANSWER_BYTES), StandardCharsets.UTF_8));
                return version.find() ? Optional.of(version.group(1)) : Optional.empty();
            }
        } catch (IOException e) {
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }

    /** Why a version is of no use here; empty when it is. */
    public Optional<String> problem(String version) {
        if (this != RUNSC) {
            return Optional.empty();
        }
        Matcher date = DATE.matcher(version);
        if (!date.find()) {
            return Optional.of("runsc " + version + " does not say its date");
        }
        return Integer.parseInt(date.group(1)) >= OLDEST_RUNSC
                ? Optional.empty()
                : Optional.of("runsc " + version + " is older than its platform " + GVISOR_PLATFORM);
    }

    private static boolean isRoots(Path file) {
        try {
            int mode = (Integer) Files.getAttribute(file, "unix:mode");
            return Files.isRegularFile(file)
                    && (Integer) Files.getAttribute(file, "unix:uid") == 0
                    && (mode & 0022) == 0
                    && (mode & 0001) != 0;
        } catch (IOException e) {
            return false;
        }
    }
}
