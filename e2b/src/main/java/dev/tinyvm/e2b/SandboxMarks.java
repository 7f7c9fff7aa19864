package dev.tinyvm.e2b;

import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestFiles.WriteOptions;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** What a sandbox says of itself in files, for programs that do not get the environment: {@code /run/e2b/.E2B_SANDBOX} and its like, as envd writes them. */
final class SandboxMarks {
    /** Variables that are told in files, too. */
    private static final List<String> NAMES = List.of("E2B_SANDBOX", "E2B_SANDBOX_ID", "E2B_TEMPLATE_ID");

    private static final String DIRECTORY = "/run/e2b/.";
    private static final WriteOptions MAKING_PARENTS = new WriteOptions(0644, true, false, false, false);

    private SandboxMarks() {}

    static void write(GuestFiles files, Map<String, String> env) {
        for (String name : NAMES) {
            try (OutputStream out = files.write("root", DIRECTORY + name, MAKING_PARENTS)) {
                out.write(env.getOrDefault(name, "").getBytes(StandardCharsets.UTF_8));
            } catch (IOException e) {
                throw new UncheckedIOException("could not write " + DIRECTORY + name, e);
            }
        }
    }
}
