package dev.tinyvm.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Each limit is allowed, one over is refused with the limit in the message. */
class LimitsTest {
    static Stream<Arguments> limits() {
        return Stream.of(
                limit("name", 50, "1 to 50", n -> "metadata: {name: " + "a".repeat(n) + "}\nspec: {image: host}"),
                limit(
                        "labels",
                        64,
                        "at most 64",
                        n -> "metadata: {labels: {" + many(n, i -> "l" + i + ": x") + "}}\nspec: {image: host}"),
                limit(
                        "a label's name",
                        63,
                        "1 to 63",
                        n -> "metadata: {labels: {" + "a".repeat(n) + ": x}}\nspec: {image: host}"),
                limit(
                        "a label's value",
                        63,
                        "0 to 63",
                        n -> "metadata: {labels: {a: " + "x".repeat(n) + "}}\nspec: {image: host}"),
                limit("image", 600, "at most 600", n -> "spec: {image: " + "a".repeat(n) + "}"),
                limit(
                        "variables",
                        1_024,
                        "at most 1024",
                        n -> "spec: {image: host, env: {" + many(n, i -> "V" + i + ": x") + "}}"),
                limit(
                        "arguments",
                        1_024,
                        "at most 1024",
                        n -> "spec: {image: host, command: [" + many(n, i -> "x") + "]}"),
                limit(
                        "an argument",
                        32_768,
                        "at most 32768",
                        n -> "spec: {image: host, command: [" + "x".repeat(n) + "]}"),
                limit(
                        "volumes",
                        32,
                        "at most 32",
                        n -> "spec: {image: host, volumes: [" + many(n, i -> "{hostPath: /a, mountPath: /m" + i + "}")
                                + "]}"),
                limit(
                        "a part of a path",
                        255,
                        "at most 255",
                        n -> "spec: {image: host, workingDir: /" + "x".repeat(n) + "}"),
                limit(
                        "a path",
                        4_095,
                        "at most 4095",
                        n -> "spec: {image: host, workingDir: "
                                + "/abcdefg".repeat(512).substring(0, n) + "}"),
                limit("user", 65_535, "0 to 65535", n -> "spec: {image: host, user: " + n + "}"),
                limit("pids", 32_768, "1 to 32768", n -> "spec: {image: host, resources: {pids: " + n + "}}"),
                limit("replicas", 10_000, "0 to 10000", n -> "spec: {image: host, replicas: " + n + "}"),
                limit(
                        "restarts",
                        1_000_000,
                        "0 to 1000000",
                        n -> "spec: {image: host, restart: {maxRestarts: " + n + "}}"),
                limit(
                        "retries",
                        1_000,
                        "1 to 1000",
                        n -> "spec: {image: host, health: {tcp: {port: 1}, retries: " + n + "}}"),
                limit("port", 65_535, "1 to 65535", n -> "spec: {image: host, health: {tcp: {port: " + n + "}}}"),
                limit("grace", 3_600_000, "`1h`", n -> "spec: {image: host, stopGracePeriod: " + n + "ms}"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("limits")
    void theLimitIsAllowedAndOneOverIsRefused(String name, int most, String message, IntFunction<String> text) {
        assertThat(DescriptorReader.read(text.apply(most), name, null)).isNotNull();
        assertThatThrownBy(() -> DescriptorReader.read(text.apply(most + 1), name, null))
                .isInstanceOf(DescriptorException.class)
                .hasMessageContaining(message);
    }

    private static String many(int count, IntFunction<String> item) {
        return IntStream.range(0, count).mapToObj(item).collect(Collectors.joining(", "));
    }

    private static Arguments limit(String name, int most, String message, IntFunction<String> text) {
        return Arguments.of(name, most, message, text);
    }
}
