package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** WebAssembly Tiny VMs by {@code ./tinyvm run}: with no manager, no walls, no root. */
class WasmTest {
    /** A data directory without a manager. */
    @TempDir
    Path data;

    @Test
    void aModuleRunsWithItsInputItsOutputAndItsExitCode() throws Exception {
        Shell.Result result = run("some input\n", "examples/wasm/hello.wasm");
        assertThat(result.errors()).isEmpty();
        assertThat(result.output()).isEqualTo("hello from WebAssembly\nsome input\n");
        assertThat(result.exitCode()).isEqualTo(3);
    }

    @Test
    void aScriptRuns() throws Exception {
        Shell.Result result = run("", "examples/wasm/words.js").expectSuccess();
        assertThat(result.output()).isEqualTo("there are no texts\n");
        assertThat(result.errors()).contains("counted 0 different words");
    }

    @Test
    void aDescriptorNamesItsScriptBesideItself() throws Exception {
        assertThat(run("", "examples/wasm/words.yaml").expectSuccess().output()).isEqualTo("there are no texts\n");
    }

    @Test
    void aPythonScriptRuns() throws Exception {
        assumePython();
        Shell.Result result = run("", "examples/wasm/tally.yaml").expectSuccess();
        assertThat(result.output()).isEqualTo("{\"total\": 14.7, \"dearest\": \"cake\"}\n");
        assertThat(result.errors()).contains("info: kept 1470 cents");
        assertThat(run("print(6 * 7)", "python-wasi", "--", "python", "-")
                        .expectSuccess()
                        .output())
                .isEqualTo("42\n");
    }

    /** The build makes it from a package of npm. */
    private static void assumePython() throws Exception {
        Assumptions.assumeFalse(
                Shell.run(Repository.ROOT, "./tinyvm", "doctor").output().contains("without the image python-wasi"),
                "SKIPPED: the build could not fetch Python's module");
    }

    @Test
    void aScriptSeesNoFileOfTheHost() throws Exception {
        Path secret = Files.writeString(data.resolve("secret"), "the secret");
        Path script = Files.writeString(
                data.resolve("read.js"),
                "import fs from 'node:fs';\nconsole.log(fs.readFileSync('" + secret + "', 'utf8'));\n");
        Shell.Result result = run("", script.toString());
        assertThat(result.exitCode()).isNotZero();
        assertThat(result.output() + result.errors()).doesNotContain("the secret");
    }

    @Test
    void aFileThatIsNoModuleIsRefusedInWords() throws Exception {
        Path broken = Files.writeString(data.resolve("broken.wasm"), "no module");
        Shell.Result result = run("", broken.toString());
        assertThat(result.exitCode()).isEqualTo(125);
        assertThat(result.errors()).contains("broken.wasm").doesNotContain("\tat ");
    }

    private Shell.Result run(String input, String... arguments) throws Exception {
        String[] whole = Stream.concat(Stream.of("./tinyvm", "run"), Stream.of(arguments))
                .toArray(String[]::new);
        return Shell.run(Repository.ROOT, Map.of("TINYVM_URL", "", "TINYVM_DATA", data.toString()), input, whole);
    }
}
