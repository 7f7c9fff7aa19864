package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.sdk.ExecCommand;
import dev.tinyvm.sdk.ExecResult;
import dev.tinyvm.sdk.VmInfo;
import dev.tinyvm.tests.inside.JavaAgent;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** OpenAI's and Anthropic's Java SDKs, unmodified, in a Tiny VM of 512 MiB without a network, on this machine's own JDK. */
@NeedsWalls
class JavaSdksTest {
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    @Test
    void bothStreamAndUseToolsInsideATinyVm() throws Exception {
        Path own = Files.createTempDirectory(Path.of("/var/tmp"), "tinyvm-java-");
        try {
            program(own.resolve("agent"));
            Files.writeString(own.resolve("weather.yaml"), """
                    turns: [{call: weather, arguments: {city: Oslo}}, {say: "It is 21 degrees in Oslo."}]
                    """);
            Files.writeString(own.resolve("tinyvm.yaml"), """
                    volumes: {hostPaths: [%s]}
                    llm:
                      providers: [{name: weather, type: scripted, script: weather.yaml}]
                      routes: [{model: "*", provider: weather}]
                    """.formatted(own));
            Shell.run(own, "chmod", "-R", "a+rX", own.toString()).expectSuccess();
            try (Product product =
                    Product.start("--config", own.resolve("tinyvm.yaml").toString())) {
                VmInfo vm = product.create(
                        "cpu: 1, memory: 512Mi, pids: 256",
                        "  volumes: [{hostPath: " + own.resolve("agent") + ", mountPath: /agent, readOnly: true}]\n");
                ExecResult result = product.client()
                        .exec(
                                vm.id(),
                                ExecCommand.of(
                                                Path.of(System.getProperty("java.home"), "bin", "java")
                                                        .toString(),
                                                "-Xmx256m",
                                                "-XX:TieredStopAtLevel=1",
                                                "-cp",
                                                "/agent:/agent/*",
                                                JavaAgent.class.getName(),
                                                "weather-model")
                                        .withTimeout(PATIENCE));
                assertThat(result.exitCode()).as("%s", result).isZero();
                assertThat(result.stdoutText().lines().toList())
                        .as("%s", result)
                        .satisfiesExactly(
                                line -> assertThat(line)
                                        .startsWith("openai: weather{\"city\":\"Oslo\"}")
                                        .endsWith("6 parts: It is 21 degrees in Oslo."),
                                line -> assertThat(line)
                                        .startsWith("anthropic: weather{city=Oslo}")
                                        .endsWith("6 parts: It is 21 degrees in Oslo."));
            }
        } finally {
            Shell.run(Path.of("/"), "rm", "-rf", own.toString()).expectSuccess();
        }
    }

    /** Its class, and the libraries of this test, which hold all that it needs. */
    private static void program(Path directory) throws IOException {
        String name = JavaAgent.class.getName().replace('.', '/') + ".class";
        Path file = directory.resolve(name);
        Files.createDirectories(file.getParent());
        try (InputStream bytes = JavaAgent.class.getClassLoader().getResourceAsStream(name)) {
            assertThat(bytes).isNotNull();
            Files.copy(bytes, file);
        }
        for (String element : System.getProperty("java.class.path").split(File.pathSeparator)) {
            Path jar = Path.of(element);
            if (element.endsWith(".jar") && !jar.toString().contains("dev/tinyvm")) {
                Files.copy(jar, directory.resolve(jar.getFileName()));
            }
        }
    }
}
