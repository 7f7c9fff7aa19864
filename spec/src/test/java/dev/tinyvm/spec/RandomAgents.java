package dev.tinyvm.spec;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.function.Supplier;

/** Agents of every shape, and texts that are nearly descriptors. The same seed gives the same ones. The ends of a range come more often than what lies between. */
final class RandomAgents {
    private static final List<String> PIECES = List.of(
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
    private static final List<String> ODD_WORDS = List.of(
            "", "true", "null", "~", "5", "0.5", "- a", "a: b", "#x", "\n\t\r\"\\", "é😀", "\u0085\u2028\ufeff", " x ");

    private final Random random;

    RandomAgents(long seed) {
        random = new Random(seed);
    }

    Agent agent() {
        Map<String, String> labels = new LinkedHashMap<>();
        for (int i = number(0, 4); i > 0; i--) {
            labels.put(dns(), letters("abcXYZ", 0, 20));
        }
        return new Agent(new Metadata(chance(0.8) ? dns() : "", labels), spec());
    }

    /** Pieces of YAML in any order. */
    String nearlyYaml() {
        StringBuilder text = new StringBuilder();
        for (int i = number(0, 40); i > 0; i--) {
            text.append(oneOf(PIECES));
        }
        return text.toString();
    }

    long between(long min, long max) {
        return switch (random.nextInt(8)) {
            case 0 -> min;
            case 1 -> max;
            default -> random.nextLong(min, max + 1);
        };
    }

    private AgentSpec spec() {
        List<String> command = list(6, this::word);
        Map<String, String> env = new LinkedHashMap<>();
        for (int i = number(0, 6); i > 0; i--) {
            env.put(letters("ABCXYZ_", 1, 12), word());
        }
        List<Volume> volumes = new ArrayList<>();
        for (int i = number(0, 5); i > 0; i--) {
            volumes.add(new Volume("/srv/ü x/" + i, "/data" + i, i % 2 == 0));
        }
        Llm llm = llm();
        return AgentSpec.of(oneOf(List.of("host", "debian-12", "a.b_c")))
                .change()
                .engine(oneOf(List.of(EngineChoice.values())))
                .command(command.isEmpty() || !command.getFirst().isEmpty() ? command : List.of())
                .env(env)
                .workingDir(oneOf(List.of("", "/", "/srv/app", "/with space")))
                .user(oneOf(List.of("", "root", "user", "0", "1000")))
                .resources(new Resources(
                        number(1, 10_240) * 100,
                        between(Resources.MIN_MEMORY_BYTES, Quantities.MAX_BYTES),
                        between(Resources.MIN_DISK_BYTES, Quantities.MAX_BYTES),
                        number(1, Resources.MAX_PIDS)))
                .volumes(volumes)
                .restart(restart())
                .health(maybe(this::health))
                .stopGracePeriod(millis(0, 3_600_000))
                .replicas(number(0, 10_000))
                .network(new Network(list(3, this::rule), oneOf(List.of(Network.Attachment.values()))))
                .llm(llm)
                .idle(new Idle(
                        chance(0.5),
                        maybe(() -> millis(1_000, 3_600_000)),
                        maybe(() -> millis(3_600_001, 2_592_000_000L))))
                .budget(new Budget(llm.budget().nanoUsd()))
                .build();
    }

    private Network.Egress rule() {
        List<Integer> ports = list(3, () -> number(1, 65_535));
        return chance(0.5)
                ? new Network.Egress(oneOf(List.of("*", "*.example.org", "a-b.example.org", "localhost")), "", ports)
                : new Network.Egress("", oneOf(List.of("10.0.0.0/8", "192.0.2.7/32", "fd00::/8", "::1/128")), ports);
    }

    private Llm llm() {
        return new Llm(
                list(3, () -> oneOf(List.of("*", "gpt-*", "org/model:free@v1"))),
                new Llm.Budget(
                        count(Limits.MAX_BUDGET_NANO_USD), count(999_999_999_999_999L), count(999_999_999_999_999L)),
                count(999_999_999_999_999L),
                count(999_999_999_999_999L));
    }

    private Restart restart() {
        return new Restart(
                oneOf(List.of(Restart.Policy.values())),
                number(0, 1_000_000),
                millis(1_000, 604_800_000),
                millis(10, 3_600_000),
                millis(3_600_000, 86_400_000),
                chance(0.5)
                        ? OptionalLong.of(between(Resources.MIN_MEMORY_BYTES, Quantities.MAX_BYTES))
                        : OptionalLong.empty());
    }

    private Health health() {
        int port = number(1, 65_535);
        Health.Check check = switch (random.nextInt(3)) {
            case 0 -> new Health.Exec(List.of("test", "-f", "/tmp/ok"));
            case 1 -> new Health.Tcp(port);
            default -> new Health.Http(port, "/ok?x=" + port);
        };
        return new Health(
                check, millis(100, 86_400_000), millis(10, 86_400_000), millis(0, 86_400_000), number(1, 1_000));
    }

    private String word() {
        return chance(0.5) ? oneOf(ODD_WORDS) : anyText();
    }

    /** Of any characters but NUL and halves of pairs. */
    private String anyText() {
        StringBuilder text = new StringBuilder();
        for (int i = number(0, 30); i > 0; i--) {
            int point = chance(0.5) ? number(1, 0x7f) : number(1, Character.MAX_CODE_POINT);
            if (Character.getType(point) != Character.SURROGATE) {
                text.appendCodePoint(point);
            }
        }
        return text.toString();
    }

    private String dns() {
        return letters("abcdefghijklmnopqrstuvwxyz0123456789", 1, 50);
    }

    private String letters(String from, int min, int max) {
        StringBuilder text = new StringBuilder();
        for (int i = number(min, max); i > 0; i--) {
            text.append(from.charAt(random.nextInt(from.length())));
        }
        return text.toString();
    }

    private OptionalLong count(long max) {
        return chance(0.5) ? OptionalLong.of(between(0, max)) : OptionalLong.empty();
    }

    private Duration millis(long min, long max) {
        return Duration.ofMillis(between(min, max));
    }

    private int number(int min, int max) {
        return (int) between(min, max);
    }

    private boolean chance(double of) {
        return random.nextDouble() < of;
    }

    private <T> T oneOf(List<T> all) {
        return all.get(random.nextInt(all.size()));
    }

    private <T> Optional<T> maybe(Supplier<T> value) {
        return chance(0.6) ? Optional.of(value.get()) : Optional.empty();
    }

    private <T> List<T> list(int most, Supplier<T> value) {
        List<T> list = new ArrayList<>();
        for (int i = number(0, most); i > 0; i--) {
            list.add(value.get());
        }
        return list;
    }
}
