package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** {@code ./tinyvm run} by itself, as on the first day. */
@NeedsWalls
class RunTest {
    /** A port on which nothing listens, so that no manager is found. */
    private static final Map<String, String> NO_MANAGER = Map.of("TINYVM_URL", "");

    @Test
    void realCommandsRunInARealTinyVm() throws Exception {
        Shell.Result result = run(
                        "",
                        "bash",
                        "-lc",
                        "id -un; python3 -c 'print(6*7)'; node -e 'console.log(6*7)'; git --version; hostname; pwd")
                .expectSuccess();
        assertThat(result.output().lines().toList()).hasSize(6).startsWith("user", "42", "42");
        assertThat(result.output()).contains("git version").endsWith("/home/user\n");
    }

    @Test
    void theExitCodeIsTheCommands() throws Exception {
        assertThat(run("", "sh", "-c", "exit 7").exitCode()).isEqualTo(7);
    }

    @Test
    void aMissingProgramIs127AndSaysWhatIsMissing() throws Exception {
        Shell.Result result = run("", "no-such-program");
        assertThat(result.exitCode()).isEqualTo(127);
        assertThat(result.errors())
                .contains("no-such-program")
                .doesNotContain("Exception")
                .doesNotContain("\tat ");
    }

    @Test
    void inputGoesInAndOutputAndErrorsComeOutApart() throws Exception {
        Shell.Result result =
                run("three\nlines\nhere\n", "sh", "-c", "wc -l; echo oops >&2").expectSuccess();
        assertThat(result.output().trim()).isEqualTo("3");
        assertThat(result.errors()).contains("oops");
    }

    @Test
    void nothingIsLeftBehind() throws Exception {
        List<String> before = traces();
        run("", "true").expectSuccess();
        Product.eventually(
                () -> "no trace is left: " + traces() + " against " + before, () -> before.containsAll(traces()));
    }

    private static List<String> traces() {
        List<String> traces = new ArrayList<>(Host.processesNaming("tinyvm-"));
        traces.addAll(Host.cgroupsNamed("tinyvm-"));
        traces.addAll(Host.loopsOver("tinyvm"));
        return traces;
    }

    private static Shell.Result run(String input, String... command) throws Exception {
        String[] whole = Stream.concat(Stream.of("./tinyvm", "run", "host", "--"), Stream.of(command))
                .toArray(String[]::new);
        return Shell.run(Repository.ROOT, NO_MANAGER, input, whole);
    }
}
