package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
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
        Set<String> before = traces();
        run("", "true").expectSuccess();
        Product.eventually(() -> "no trace is left: " + traces() + " against " + before, () -> traces().equals(before));
    }

    private static Shell.Result run(String input, String... command) throws Exception {
        String[] whole = Stream.concat(Stream.of("./tinyvm", "run", "host", "--"), Stream.of(command))
                .toArray(String[]::new);
        return Shell.run(Repository.ROOT, NO_MANAGER, input, whole);
    }

    /** Everything of ours that can be seen on the host: processes, cgroups, mounts, loop devices. */
    static Set<String> traces() {
        Set<String> traces = new TreeSet<>();
        try (Stream<Path> processes = Files.list(Path.of("/proc"));
                Stream<Path> groups = Files.walk(Path.of("/sys/fs/cgroup"), 3);
                Stream<String> mounts = Files.lines(Path.of("/proc/mounts"));
                Stream<Path> loops = Files.list(Path.of("/sys/block"))) {
            processes.filter(p -> p.getFileName().toString().matches("\\d+")).forEach(p -> {
                try {
                    String name = Files.readString(p.resolve("comm")).trim();
                    if (name.startsWith("tinyvm")) {
                        traces.add("process " + name + " " + p.getFileName());
                    }
                } catch (java.io.IOException e) {
                    // It ended while we looked: no trace.
                }
            });
            groups.filter(g -> g.getFileName() != null
                            && g.getFileName().toString().startsWith("tinyvm"))
                    .forEach(g -> traces.add("cgroup " + g));
            mounts.filter(m -> m.contains("tinyvm")).forEach(m -> traces.add("mount " + m));
            traces.addAll(loops.filter(l -> Files.exists(l.resolve("loop/backing_file")))
                    .map(l -> "loop " + l.getFileName())
                    .collect(Collectors.toSet()));
        } catch (java.io.IOException | java.io.UncheckedIOException e) {
            traces.add("changed while we looked " + System.nanoTime());
        }
        return traces;
    }
}
