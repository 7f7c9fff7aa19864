package dev.tinyvm.spec;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Whatever agent there is, writing it and reading it again gives an equal one, and the schema accepts what was written. {@code -Dseed=N} repeats the try that failed, alone. */
class DescriptorRoundTripTest {
    private static final int TRIES = 400;
    private static final Schema SCHEMA = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
            .getSchema(Schemas.agent());

    @Test
    void anAgentThatIsWrittenAndReadAgainIsEqual() {
        tryMany(random -> {
            Agent agent = random.agent();
            String json = DescriptorWriter.toJson(agent);
            assertThat(DescriptorReader.read(json, "written", null)).isEqualTo(agent);
            assertThat(SCHEMA.validate(json, InputFormat.JSON)).as(json).isEmpty();
        });
    }

    @Test
    void bytesThatAreWrittenAndReadAgainAreEqual() {
        tryMany(random -> {
            long bytes = random.between(0, Quantities.MAX_BYTES);
            assertThat(Quantities.parseBytes(Quantities.formatBytes(bytes))).isEqualTo(bytes);
        });
    }

    @Test
    void anyTextIsReadOrRefusedWithProblems() {
        tryMany(random -> {
            try {
                DescriptorReader.read(random.nearlyYaml(), "text", Path.of("/work"));
            } catch (DescriptorException e) {
                assertThat(e.problems()).isNotEmpty();
            }
        });
    }

    private static void tryMany(Consumer<RandomAgents> body) {
        Long one = Long.getLong("seed");
        long first = one == null ? System.nanoTime() : one;
        for (long seed = first; seed < first + (one == null ? TRIES : 1); seed++) {
            try {
                body.accept(new RandomAgents(seed));
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError("with -Dseed=" + seed + ": " + e.getMessage(), e);
            }
        }
    }
}
