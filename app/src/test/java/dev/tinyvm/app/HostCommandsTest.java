package dev.tinyvm.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.cli.Cli;
import dev.tinyvm.cli.ClientCommands;
import dev.tinyvm.cli.CommandSource;
import dev.tinyvm.cli.Shell;
import dev.tinyvm.engine.container.NetworkOffer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostCommandsTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @TempDir
    Path data;

    private int run(String... args) {
        out.reset();
        err.reset();
        Shell shell = new Shell(
                new ByteArrayInputStream(new byte[0]),
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                Map.of("TINYVM_DATA", data.toString()),
                "");
        return new Cli(shell, List.of(new HostCommands(), new ClientCommands())).run(args);
    }

    private String out() {
        return out.toString(StandardCharsets.UTF_8);
    }

    private String err() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void everyCommandHasHelpWithExamples() {
        for (CommandSource.Entry entry : new HostCommands().entries()) {
            assertThat(run(entry.name(), "--help")).as(entry.name()).isZero();
            assertThat(out())
                    .as(entry.name())
                    .contains("Usage: tinyvm " + entry.name())
                    .contains("Examples:");
        }
    }

    @Test
    void imageListsTheHost() {
        assertThat(run("image", "ls", "-q")).isZero();
        assertThat(out()).isEqualTo("host\n");
        assertThat(run("image", "inspect", "host")).isZero();
        assertThat(out()).contains("\"name\" : \"host\"");
    }

    @Test
    void anImageThatIsNotThereIsSaidSo() {
        assertThat(run("image", "inspect", "ghost")).isEqualTo(1);
        assertThat(err()).contains("there is no image `ghost`");
    }

    @Test
    void whatIsNoReferenceIsRefusedBeforeAnyRegistryIsAsked() {
        assertThat(run("image", "pull", "No Reference")).isEqualTo(1);
        assertThat(err()).contains("no image reference").contains("alpine:3.20");
        assertThat(run("image", "push", "ghost", "127.0.0.1:1/x:1")).isEqualTo(1);
        assertThat(err()).contains("there is no image `ghost`");
    }

    @Test
    void collectingSaysWhatItRemoved() {
        assertThat(run("image", "gc")).isZero();
        assertThat(out()).isEqualTo("removed 0 images and 0 blobs, freed 0\n");
    }

    @Test
    void doctorPrintsOneJsonObjectWithARemedyForWhatIsMissing() {
        int code = run("doctor", "--json");
        assertThat(code).isBetween(0, 1);
        assertThat(out())
                .startsWith("{")
                .contains("\"checks\"")
                .contains("\"engines\"")
                .contains("\"container\"");
        for (HostCheck.Finding finding : HostCheck.all()) {
            assertThat(finding.ok() || !finding.remedy().isEmpty())
                    .as(finding.name())
                    .isTrue();
        }
    }

    @Test
    void doctorSaysWhatIsMissingForARoutedInterfaceAndHowToGetIt() {
        assertThat(NetworkCheck.of(new NetworkOffer(true, "", true, "")))
                .allSatisfy(finding -> assertThat(finding.ok()).isTrue());
        assertThat(NetworkCheck.of(new NetworkOffer(false, "nf_tables is missing", false, "no BPF")))
                .allSatisfy(finding -> {
                    assertThat(finding.ok()).isFalse();
                    assertThat(finding.required()).isFalse();
                    assertThat(finding.remedy()).contains("tinyvm down");
                })
                .extracting(HostCheck.Finding::detail)
                .satisfiesExactly(
                        routed -> assertThat(routed).isEqualTo("nf_tables is missing"),
                        filter -> assertThat(filter).startsWith("no BPF").contains("alone holds the list"));
        assertThat(NetworkCheck.of(data.resolve("no-spawner.sock")))
                .allSatisfy(finding -> assertThat(finding.remedy()).contains("tinyvm up --detach"));
    }

    @Test
    void benchWithoutANameListsTheBenchmarks() {
        assertThat(run("bench")).isZero();
        assertThat(out()).contains("start").contains("density").contains("ready");
        assertThat(run("bench", "nonsense")).isEqualTo(2);
        assertThat(err()).contains("there is no benchmark 'nonsense'").contains("churn");
    }

    @Test
    void upRefusesAPortAConfigurationAndACapacityThatCannotBe() {
        assertThat(run("up", "--port", "70000")).isEqualTo(2);
        assertThat(run("up", "--config", data.resolve("none.yaml").toString())).isEqualTo(2);
        assertThat(err()).contains("none.yaml");
    }
}
