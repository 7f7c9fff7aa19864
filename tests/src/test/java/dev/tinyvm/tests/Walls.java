package dev.tinyvm.tests;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tinyvm.engine.oci.OciRuntime;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;

/** The walls that run Linux programs, as descriptors call them. */
final class Walls {
    private Walls() {}

    /** All; one that this host lacks is skipped by {@link #need}. */
    static Stream<String> linux() {
        return Stream.concat(
                Stream.of("container"),
                Arrays.stream(OciRuntime.values()).map(runtime -> runtime.kind().word()));
    }

    /** Skips the test where the host lacks the wall. */
    static void need(String engine) {
        for (OciRuntime runtime : OciRuntime.values()) {
            if (runtime.kind().word().equals(engine)) {
                Optional<Path> path = runtime.find();
                assumeTrue(path.isPresent(), runtime.program() + " is not installed: " + runtime.remedy());
                String problem =
                        runtime.problem(runtime.version(path.get()).orElse("?")).orElse("");
                assumeTrue(problem.isEmpty(), problem + ": " + runtime.remedy());
            }
        }
    }

    /** The line of a descriptor's spec. */
    static String line(String engine) {
        return "  engine: " + engine + "\n";
    }
}
