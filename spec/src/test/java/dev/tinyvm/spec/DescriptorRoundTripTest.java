package dev.tinyvm.spec;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;

/** Whatever agent there is, writing it and reading it again gives an equal one, and the schema accepts what was written. */
class DescriptorRoundTripTest {
    private static final Schema SCHEMA = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
            .getSchema(Schemas.agent());

    @Property(tries = 300, seed = "20261", shrinking = ShrinkingMode.BOUNDED)
    void anAgentThatIsWrittenAndReadAgainIsEqual(@ForAll("agents") Agent agent) {
        String json = DescriptorWriter.toJson(agent);
        assertThat(DescriptorReader.read(json, "written", null)).isEqualTo(agent);
        assertThat(SCHEMA.validate(json, InputFormat.JSON)).as(json).isEmpty();
    }

    @Property(tries = 300, seed = "20261")
    void bytesThatAreWrittenAndReadAgainAreEqual(@ForAll("bytes") long bytes) {
        assertThat(Quantities.parseBytes(Quantities.formatBytes(bytes))).isEqualTo(bytes);
    }

    @Property(tries = 300, seed = "20261")
    void anyTextIsReadOrRefusedWithProblems(@ForAll("texts") String text) {
        try {
            DescriptorReader.read(text, "text", Path.of("/work"));
        } catch (DescriptorException e) {
            assertThat(e.problems()).isNotEmpty();
        }
    }

    @Provide
    Arbitrary<Long> bytes() {
        return Arbitraries.longs().between(0, Quantities.MAX_BYTES);
    }

    /** Pieces of YAML in any order. */
    @Provide
    Arbitrary<String> texts() {
        Arbitrary<String> pieces = Arbitraries.of(
                "spec:",
                "\n",
                " ",
                "  ",
                "image: host",
                "- ",
                "{",
                "}",
                "[",
                "]",
                ":",
                ",",
                "&a",
                "*a",
                "!t",
                "\"",
                "'",
                "|",
                ">",
                "#",
                "\t",
                "cpu: 1",
                "resources:",
                "?",
                "---",
                "\u0000",
                "\uD800",
                "é",
                "0.5",
                "~",
                "env:",
                "%",
                "@",
                "`");
        return pieces.list().ofMaxSize(40).map(parts -> String.join("", parts));
    }

    @Provide
    Arbitrary<Agent> agents() {
        Arbitrary<String> dns = Arbitraries.strings()
                .withCharRange('a', 'z')
                .withCharRange('0', '9')
                .ofMinLength(1)
                .ofMaxLength(50);
        Arbitrary<Metadata> metadata = Combinators.combine(
                        dns.injectDuplicates(0.1).optional(0.8).map(name -> name.orElse("")),
                        Arbitraries.maps(dns, Arbitraries.strings().alpha().ofMaxLength(20))
                                .ofMaxSize(4))
                .as(Metadata::new);
        return Combinators.combine(metadata, specs()).as(Agent::new);
    }

    private static Arbitrary<AgentSpec> specs() {
        Arbitrary<String> word = words();
        Arbitrary<List<String>> commands = word.list()
                .ofMaxSize(6)
                .map(words -> words.isEmpty() || !words.getFirst().isEmpty() ? words : List.of());
        Arbitrary<Map<String, String>> env = Arbitraries.maps(
                        Arbitraries.strings()
                                .withCharRange('A', 'Z')
                                .withChars('_')
                                .ofMinLength(1)
                                .ofMaxLength(12),
                        word)
                .ofMaxSize(6);
        Arbitrary<List<Volume>> volumes = Arbitraries.integers()
                .between(0, 5)
                .map(count -> IntStream.range(0, count)
                        .mapToObj(i -> new Volume("/srv/ü x/" + i, "/data" + i, i % 2 == 0))
                        .collect(Collectors.toList()));
        Arbitrary<AgentSpec> head = Combinators.combine(
                        Arbitraries.of("host", "debian-12", "a.b_c"),
                        Arbitraries.of(EngineChoice.class),
                        commands,
                        env,
                        Arbitraries.of("", "/", "/srv/app", "/with space"),
                        Arbitraries.of("", "root", "user", "0", "1000"),
                        resources(),
                        volumes)
                .as((image, engine, command, variables, directory, user, resources, mounts) -> AgentSpec.of(image)
                        .change()
                        .engine(engine)
                        .command(command)
                        .env(variables)
                        .workingDir(directory)
                        .user(user)
                        .resources(resources)
                        .volumes(mounts)
                        .build());
        return Combinators.combine(
                        head,
                        restarts(),
                        health().optional(0.7),
                        millis(0, 3_600_000),
                        Arbitraries.integers().between(0, 10_000),
                        networks(),
                        llms(),
                        idles())
                .as((spec, restart, health, grace, replicas, network, llm, idle) -> spec.change()
                        .restart(restart)
                        .health(health)
                        .stopGracePeriod(grace)
                        .replicas(replicas)
                        .network(network)
                        .llm(llm)
                        .idle(idle)
                        .budget(new Budget(llm.budget().nanoUsd()))
                        .build());
    }

    private static Arbitrary<Network> networks() {
        Arbitrary<List<Integer>> ports =
                Arbitraries.integers().between(1, 65_535).list().ofMaxSize(3);
        Arbitrary<List<Network.Egress>> rules = Arbitraries.oneOf(
                        Combinators.combine(Arbitraries.of("*", "*.example.org", "a-b.example.org", "localhost"), ports)
                                .as((host, numbers) -> new Network.Egress(host, "", numbers)),
                        Combinators.combine(Arbitraries.of("10.0.0.0/8", "192.0.2.7/32", "fd00::/8", "::1/128"), ports)
                                .as((cidr, numbers) -> new Network.Egress("", cidr, numbers)))
                .list()
                .ofMaxSize(3);
        return Combinators.combine(rules, Arbitraries.of(Network.Attachment.class))
                .as(Network::new);
    }

    private static Arbitrary<Llm> llms() {
        Arbitrary<OptionalLong> counts = Arbitraries.longs()
                .between(0, 999_999_999_999_999L)
                .optional()
                .map(count -> count.map(OptionalLong::of).orElse(OptionalLong.empty()));
        Arbitrary<OptionalLong> money = Arbitraries.longs()
                .between(0, Limits.MAX_BUDGET_NANO_USD)
                .optional()
                .map(nanos -> nanos.map(OptionalLong::of).orElse(OptionalLong.empty()));
        return Combinators.combine(
                        Arbitraries.of("*", "gpt-*", "org/model:free@v1").list().ofMaxSize(3),
                        Combinators.combine(money, counts, counts).as(Llm.Budget::new),
                        counts,
                        counts)
                .as(Llm::new);
    }

    private static Arbitrary<Idle> idles() {
        return Combinators.combine(
                        Arbitraries.of(true, false),
                        millis(1_000, 3_600_000).optional(),
                        millis(3_600_001, 2_592_000_000L).optional())
                .as(Idle::new);
    }

    private static Arbitrary<String> words() {
        Arbitrary<String> any = Arbitraries.strings()
                .all()
                .ofMaxLength(30)
                .map(text -> text.replace("\0", "")
                        .codePoints()
                        .filter(point -> Character.getType(point) != Character.SURROGATE)
                        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                        .toString());
        return Arbitraries.oneOf(
                any,
                Arbitraries.of(
                        "",
                        "true",
                        "null",
                        "~",
                        "5",
                        "0.5",
                        "- a",
                        "a: b",
                        "#x",
                        "\n\t\r\"\\",
                        "é😀",
                        "\u0085\u2028\ufeff",
                        " x "));
    }

    private static Arbitrary<Resources> resources() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 10_240).map(steps -> steps * 100),
                        Arbitraries.longs().between(Resources.MIN_MEMORY_BYTES, Quantities.MAX_BYTES),
                        Arbitraries.longs().between(Resources.MIN_DISK_BYTES, Quantities.MAX_BYTES),
                        Arbitraries.integers().between(1, Resources.MAX_PIDS))
                .as(Resources::new);
    }

    private static Arbitrary<Restart> restarts() {
        return Combinators.combine(
                        Arbitraries.of(Restart.Policy.class),
                        Arbitraries.integers().between(0, 1_000_000),
                        millis(1_000, 604_800_000),
                        millis(10, 3_600_000),
                        millis(3_600_000, 86_400_000),
                        Arbitraries.longs()
                                .between(Resources.MIN_MEMORY_BYTES, Quantities.MAX_BYTES)
                                .optional())
                .as((policy, max, window, backoff, maxBackoff, memory) -> new Restart(
                        policy,
                        max,
                        window,
                        backoff,
                        maxBackoff,
                        memory.map(OptionalLong::of).orElse(OptionalLong.empty())));
    }

    private static Arbitrary<Health> health() {
        Arbitrary<Health.Check> check = Arbitraries.oneOf(
                Arbitraries.just(new Health.Exec(List.of("test", "-f", "/tmp/ok"))),
                Arbitraries.integers().between(1, 65_535).map(Health.Tcp::new),
                Arbitraries.integers().between(1, 65_535).map(port -> new Health.Http(port, "/ok?x=" + port)));
        return Combinators.combine(
                        check,
                        millis(100, 86_400_000),
                        millis(10, 86_400_000),
                        millis(0, 86_400_000),
                        Arbitraries.integers().between(1, 1_000))
                .as(Health::new);
    }

    private static Arbitrary<Duration> millis(long min, long max) {
        return Arbitraries.longs().between(min, max).map(Duration::ofMillis);
    }
}
