package dev.tinyvm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CliTest {
    private static CliRun run(String... args) {
        return CliRun.of(Map.of("TINYVM_DATA", "/nonexistent"), args);
    }

    @Test
    void theOverviewNamesEveryCommand() {
        CliRun help = run("help");
        assertThat(help.code()).isZero();
        for (CommandSource.Entry entry : new ClientCommands().entries()) {
            assertThat(help.out()).containsPattern("(?m)^  " + entry.name() + "\\b");
        }
        assertThat(run("--help").out()).isEqualTo(help.out());
    }

    @Test
    void everyCommandHasHelpWithExamples() {
        for (CommandSource.Entry entry : new ClientCommands().entries()) {
            CliRun help = run(entry.name(), "--help");
            assertThat(help.code()).as(entry.name()).isZero();
            assertThat(help.out())
                    .as(entry.name())
                    .contains("Usage: tinyvm " + entry.name())
                    .contains("Examples:")
                    .containsPattern("(?m)^  .*tinyvm " + entry.name());
            assertThat(run("help", entry.name()).out()).isEqualTo(help.out());
        }
    }

    @Test
    void nothingAtAllIsAUsageError() {
        CliRun run = run();
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains("Usage: tinyvm");
    }

    @Test
    void aMistypedCommandIsAnsweredWithTheNearest() {
        CliRun run = run("strat", "x");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains("there is no command 'strat'").contains("Did you mean: tinyvm start");
    }

    @Test
    void aMistypedOptionIsAnsweredWithTheNearest() {
        CliRun run = run("ps", "--quite");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err())
                .contains("there is no option --quite")
                .contains("Did you mean: --quiet")
                .contains("tinyvm ps --help");
    }

    @Test
    void aMissingArgumentIsAUsageError() {
        CliRun run = run("inspect");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains("NAME");
    }

    @Test
    void withoutAManagerItSaysHowToStartOne() {
        CliRun run = run("ps");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).contains("no manager runs").contains("sudo tinyvm up --detach");
    }

    @Test
    void anAddressWhereNobodyListensIsSaidSo() {
        CliRun run = CliRun.of(Map.of("TINYVM_URL", "http://127.0.0.1:1"), "ps");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).contains("127.0.0.1:1").contains("sudo tinyvm up").doesNotContain("\tat ");
    }

    @Test
    void anAddressThatIsNoneIsAUsageError() {
        CliRun run = CliRun.of(Map.of("TINYVM_URL", "nonsense"), "ps");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains("http://127.0.0.1:7070");
    }

    @Test
    void versionPrintsOneLine() {
        assertThat(run("version").out()).isEqualTo("tinyvm 0.1.0\n");
        assertThat(run("--version").out()).isEqualTo("tinyvm 0.1.0\n");
        assertThat(run("version", "--json").out()).contains("\"version\"").contains("\"0.1.0\"");
    }

    @Test
    void completionScriptsNameCommandsAndOptions() {
        CliRun bash = run("completion", "bash");
        assertThat(bash.code()).isZero();
        assertThat(bash.out())
                .contains("complete -o default -F _tinyvm tinyvm")
                .contains("--no-trunc")
                .contains("resurrect");
        assertThat(run("completion", "zsh").out()).contains("bashcompinit").endsWith(bash.out());
        assertThat(run("completion").code()).isEqualTo(2);
        assertThat(run("completion", "--help").code()).isZero();
    }

    @Test
    void theBashCompletionScriptIsBash(@TempDir Path directory) throws Exception {
        Path script = directory.resolve("completion");
        java.nio.file.Files.writeString(script, run("completion", "bash").out());
        Process bash = new ProcessBuilder(
                        "bash",
                        "-c",
                        "source \"$1\"; COMP_WORDS=(tinyvm resu); COMP_CWORD=1; _tinyvm; echo \"${COMPREPLY[*]}\"",
                        "bash",
                        script.toString())
                .redirectErrorStream(true)
                .start();
        assertThat(new String(bash.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8).strip())
                .isEqualTo("resume resurrect");
    }
}
