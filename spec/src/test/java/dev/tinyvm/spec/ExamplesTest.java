package dev.tinyvm.spec;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the examples say is what the readers read. */
class ExamplesTest {
    private static final Path EXAMPLES =
            Path.of("..", "examples").toAbsolutePath().normalize();
    private static final SchemaRegistry REGISTRY =
            SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);

    @Test
    void everyExampleDescriptorIsReadAndFitsTheSchema() throws IOException {
        Schema schema = REGISTRY.getSchema(Schemas.agent());
        List<Path> files = named("agent.yaml");
        assertThat(files).hasSizeGreaterThanOrEqualTo(2);
        for (Path file : files) {
            assertThat(DescriptorReader.readFile(file).metadata().name())
                    .as(file.toString())
                    .isNotEmpty();
            assertThat(schema.validate(Files.readString(file), InputFormat.YAML))
                    .as(file.toString())
                    .isEmpty();
        }
    }

    @Test
    void everyExampleConfigurationIsReadAndFitsTheSchema() throws IOException {
        Schema schema = REGISTRY.getSchema(Schemas.manager());
        for (Path file : named("tinyvm.yaml")) {
            ManagerConfigReader.readFile(file);
            assertThat(schema.validate(Files.readString(file), InputFormat.YAML))
                    .as(file.toString())
                    .isEmpty();
        }
    }

    @Test
    void theWorkersFillFourCoresAndMountOnlyWhatTheirConfigurationAllows() {
        Agent worker = DescriptorReader.readFile(EXAMPLES.resolve("worker/agent.yaml"));
        assertThat(worker.spec().resources().cpuMillis() * worker.spec().replicas())
                .isEqualTo(4000);
        ManagerConfig config = ManagerConfigReader.readFile(EXAMPLES.resolve("worker/tinyvm.yaml"));
        assertThat(worker.spec().volumes())
                .isNotEmpty()
                .allSatisfy(volume -> assertThat(config.volumeHostPaths())
                        .anyMatch(allowed -> Path.of(volume.hostPath()).startsWith(allowed)));
    }

    @Test
    void theDescriptorPagesExampleIsRead() throws IOException {
        String page = Files.readString(EXAMPLES.resolveSibling("docs").resolve("descriptor.md"));
        int start = page.indexOf("```yaml\n") + "```yaml\n".length();
        String example = page.substring(start, page.indexOf("```", start));
        assertThat(DescriptorReader.read(example, "docs/descriptor.md", Path.of("/work"))
                        .metadata()
                        .name())
                .isEqualTo("researcher");
    }

    private static List<Path> named(String name) throws IOException {
        try (Stream<Path> files = Files.walk(EXAMPLES, 3)) {
            return files.filter(file -> file.endsWith(name)).sorted().toList();
        }
    }
}
