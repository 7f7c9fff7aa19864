package dev.tinyvm.images.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where credentials are found. */
class DockerConfigTest {
    @TempDir
    Path home;

    @Test
    void withoutAnyFileThereIsNobody() {
        assertThat(new DockerConfig(Map.of(), home).of("x.io")).isEqualTo(Credentials.ANONYMOUS);
    }

    @Test
    void passwordsAreFoundUnderEveryNameOfARegistry() throws IOException {
        config("{\"auths\":{\"https://x.io\":{\"auth\":\"" + basic("u:p:q")
                + "\"},\"y.io\":{\"username\":\"v\",\"password\":\"w\"},"
                + "\"https://index.docker.io/v1/\":{\"identitytoken\":\"t\",\"auth\":\"" + basic("u:") + "\"}}}");
        assertThat(of("x.io")).isEqualTo(new Credentials("u", "p:q", false));
        assertThat(of("y.io")).isEqualTo(new Credentials("v", "w", false));
        assertThat(of("docker.io")).isEqualTo(new Credentials("", "t", true));
        assertThat(of("z.io")).isEqualTo(Credentials.ANONYMOUS);
        assertThat(of("x.io").toString()).doesNotContain("p:q");
    }

    @Test
    void theEnvironmentNamesOtherFiles() throws IOException {
        config("{\"auths\":{\"x.io\":{\"auth\":\"" + basic("home:p") + "\"}}}");
        Path other = Files.createDirectories(home.resolve("other"));
        Files.writeString(
                other.resolve("config.json"), "{\"auths\":{\"x.io\":{\"auth\":\"" + basic("docker:p") + "\"}}}");
        Path file = Files.writeString(
                home.resolve("auth.json"), "{\"auths\":{\"x.io\":{\"auth\":\"" + basic("file:p") + "\"}}}");
        assertThat(new DockerConfig(Map.of("DOCKER_CONFIG", other.toString()), home)
                        .of("x.io")
                        .user())
                .isEqualTo("docker");
        assertThat(new DockerConfig(Map.of("REGISTRY_AUTH_FILE", file.toString()), home)
                        .of("x.io")
                        .user())
                .isEqualTo("file");
    }

    @Test
    void helpersAreAsked() throws IOException {
        helper(
                "one",
                "read server; echo \"{\\\"ServerURL\\\":\\\"$server\\\",\\\"Username\\\":\\\"for $server\\\",\\\"Secret\\\":\\\"s\\\"}\"");
        helper("two", "cat >/dev/null; echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}'");
        config("{\"credHelpers\":{\"x.io\":\"one\"},\"credsStore\":\"two\"}");
        assertThat(of("x.io")).isEqualTo(new Credentials("for x.io", "s", false));
        assertThat(of("y.io")).isEqualTo(new Credentials("<token>", "t", true));
    }

    @Test
    void aHelperThatHasNothingIsNobodyAndOneThatFailsIsAnError() throws IOException {
        helper("none", "echo 'credentials not found in native keychain'; exit 1");
        helper("bad", "echo secret-on-output; exit 1");
        config(
                "{\"credHelpers\":{\"a.io\":\"none\",\"b.io\":\"bad\",\"c.io\":\"not-installed\",\"d.io\":\"../../bin/sh\"}}");
        assertThat(of("a.io")).isEqualTo(Credentials.ANONYMOUS);
        assertThatThrownBy(() -> of("b.io"))
                .hasMessageContaining("docker-credential-bad failed")
                .hasMessageNotContaining("secret-on-output");
        assertThatThrownBy(() -> of("c.io")).hasMessageContaining("is it installed");
        assertThatThrownBy(() -> of("d.io")).hasMessageContaining("no program's name");
    }

    @Test
    void aFileThatCannotBeReadIsAnErrorWithoutItsContent() throws IOException {
        config("{\"auths\":{\"x.io\":{\"auth\":\"secret!\"}}}");
        assertThatThrownBy(() -> of("x.io")).hasMessageContaining("no base64").hasMessageNotContaining("secret!");
        config("{secret");
        assertThatThrownBy(() -> of("x.io")).hasMessageContaining("no JSON").hasMessageNotContaining("secret");
    }

    private Credentials of(String registry) {
        return new DockerConfig(Map.of("PATH", home.resolve("bin") + ":/usr/bin:/bin"), home).of(registry);
    }

    private void config(String json) throws IOException {
        Files.writeString(Files.createDirectories(home.resolve(".docker")).resolve("config.json"), json);
    }

    private void helper(String name, String script) throws IOException {
        Path bin = Files.createDirectories(home.resolve("bin"));
        Path file = Files.writeString(bin.resolve("docker-credential-" + name), "#!/bin/sh\n" + script + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static String basic(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }
}
