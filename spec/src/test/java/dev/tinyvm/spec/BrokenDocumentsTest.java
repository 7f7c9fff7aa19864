package dev.tinyvm.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every broken document gets the path, the line, what was found and what is allowed; the schema refuses what a schema can. */
class BrokenDocumentsTest {
    private static final SchemaRegistry REGISTRY =
            SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);
    private static final Schema AGENT = REGISTRY.getSchema(Schemas.agent());
    private static final Schema MANAGER = REGISTRY.getSchema(Schemas.manager());

    static List<BrokenCase> agents() throws IOException {
        return BrokenCase.all("broken-agents.txt");
    }

    static List<BrokenCase> managers() throws IOException {
        return BrokenCase.all("broken-managers.txt");
    }

    @ParameterizedTest
    @MethodSource("agents")
    void aBrokenAgentIsRefusedWithEveryProblemAtItsPlace(BrokenCase broken) {
        check(broken, () -> DescriptorReader.read(broken.text(), "agent.yaml", Path.of("/work")));
    }

    @ParameterizedTest
    @MethodSource("managers")
    void aBrokenConfigurationIsRefusedWithEveryProblemAtItsPlace(BrokenCase broken) {
        check(broken, () -> ManagerConfigReader.read(broken.text(), "tinyvm.yaml", Path.of("/work")));
    }

    @ParameterizedTest
    @MethodSource("agents")
    void theAgentSchemaRefusesWhatASchemaCan(BrokenCase broken) {
        checkSchema(AGENT, broken);
    }

    @ParameterizedTest
    @MethodSource("managers")
    void theManagerSchemaRefusesWhatASchemaCan(BrokenCase broken) {
        checkSchema(MANAGER, broken);
    }

    @Test
    void thereAreEnoughCases() throws IOException {
        assertThat(agents()).hasSizeGreaterThan(100);
        assertThat(agents().stream().map(BrokenCase::name)).doesNotHaveDuplicates();
    }

    private static void check(BrokenCase broken, Runnable read) {
        DescriptorException refusal = catchThrowableOfType(DescriptorException.class, read::run);
        assertThat(refusal).as(broken.text()).isNotNull();
        assertThat(refusal.problems()).as(refusal.getMessage()).hasSameSizeAs(broken.expected());
        for (int i = 0; i < broken.expected().size(); i++) {
            BrokenCase.Expected expected = broken.expected().get(i);
            Problem problem = refusal.problems().get(i);
            assertThat(problem.path()).as(problem.toString()).isEqualTo(expected.path());
            assertThat(problem.line()).as(problem.toString()).isEqualTo(expected.line());
            assertThat(problem.column()).as(problem.toString()).isPositive();
            assertThat(problem.message()).contains(expected.fragment());
        }
    }

    private static void checkSchema(Schema schema, BrokenCase broken) {
        if (broken.schemaRefuses()) {
            assertThat(schema.validate(broken.text(), InputFormat.YAML))
                    .as(broken.text())
                    .isNotEmpty();
        }
    }
}
