package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code examples/walls}: one agent, one descriptor, one word changed, the same result. */
class WallsExampleTest {
    private static final Path EXAMPLE = Repository.ROOT.resolve("examples/walls");
    private static final AtomicReference<String> DOCTOR = new AtomicReference<>("");

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"wasm", "container", "crun", "runc", "gvisor"})
    void theSameAgentHasTheSameResultBehindEachWall(String engine) throws Exception {
        Assumptions.assumeTrue(available(engine), "./tinyvm doctor says that this host offers no " + engine);
        Assumptions.assumeTrue(
                engine.equals("wasm") || Files.isExecutable(Path.of("/usr/bin/node")), "there is no node here");
        Path own = copyOfTheExample();
        Path descriptor = own.resolve("agent.yaml");
        Files.writeString(
                descriptor, Files.readString(descriptor).replace("engine: wasm\n", "engine: " + engine + "\n"));
        Shell.Result result = run(descriptor);
        assertThat(result.output()).isEqualTo("""
                        Action items
                        - Ada: fix the refund line (3 h)
                        - Ben: profile the import (2 h)
                        - Ben: write it all down (1 h)
                        4 items, 7 h
                        """);
        assertThat(result.errors()).isEqualTo("info: kept 4 items in /home/user/actions.json\n");
        assertThat(result.exitCode()).isEqualTo(3);
    }

    @Test
    void aModuleThatIsNoScriptKeepsItsWall() throws Exception {
        Path descriptor = Files.writeString(
                directory.resolve("agent.yaml"),
                "apiVersion: tinyvm.dev/v1\nkind: Agent\nmetadata: {name: hello}\nspec: {image: "
                        + Repository.ROOT.resolve("examples/wasm/hello.wasm") + ", engine: container}\n");
        Assumptions.assumeTrue(available("container"), "./tinyvm doctor says that this host offers no container");
        Shell.Result result = run(descriptor);
        assertThat(result.exitCode()).isEqualTo(125);
        assertThat(result.errors())
                .contains("does not run under the engine container")
                .contains("engine: wasm");
    }

    /** Outside of the repository, as a user's own would be. */
    private Path copyOfTheExample() throws IOException {
        Path own = directory.resolve("walls");
        for (String file : List.of("agent.yaml", "agent.js", "lib/minutes.js")) {
            Path to = own.resolve(file);
            Files.createDirectories(to.getParent());
            Files.copy(EXAMPLE.resolve(file), to);
        }
        return own;
    }

    private Shell.Result run(Path descriptor) throws Exception {
        return Shell.run(
                Repository.ROOT,
                Map.of(
                        "TINYVM_URL",
                        "",
                        "TINYVM_DATA",
                        directory.resolve("data").toString()),
                "",
                "./tinyvm",
                "run",
                descriptor.toString());
    }

    private static boolean available(String engine) throws Exception {
        if (DOCTOR.get().isEmpty()) {
            DOCTOR.set(Shell.run(Repository.ROOT, "./tinyvm", "doctor", "--json")
                    .output()
                    .replaceAll("\\s", ""));
        }
        return DOCTOR.get().contains("{\"engine\":\"" + engine + "\",\"available\":true");
    }
}
