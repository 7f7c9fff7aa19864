package dev.tinyvm.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.cli.Cli;
import dev.tinyvm.cli.ClientCommands;
import dev.tinyvm.cli.Shell;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SecretCommandsTest {
    private final ByteArrayOutputStream told = new ByteArrayOutputStream();

    @TempDir
    Path data;

    private int secret(String input, String... args) {
        told.reset();
        PrintStream out = new PrintStream(told, true, StandardCharsets.UTF_8);
        Shell shell = new Shell(
                new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
                out,
                out,
                Map.of("TINYVM_DATA", data.toString()),
                "");
        String[] all = new String[args.length + 1];
        all[0] = "secret";
        System.arraycopy(args, 0, all, 1, args.length);
        return new Cli(shell, List.of(new HostCommands(), new ClientCommands())).run(all);
    }

    private String words() {
        return told.toString(StandardCharsets.UTF_8);
    }

    @Test
    void aSecretIsStoredForItsOwnerAloneAndNeverShown() throws IOException {
        assertThat(secret("sk-very-secret\n", "set", "openai")).isZero();
        assertThat(words()).contains("apiKey: {secret: openai}").doesNotContain("very");
        Path file = data.resolve("secrets/openai");
        assertThat(file).hasContent("sk-very-secret\n");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        assertThat(secret("", "ls")).isZero();
        assertThat(words()).isEqualTo("openai\n");
        assertThat(secret("", "ls", "--json")).isZero();
        assertThat(words()).contains("openai").doesNotContain("very");
        assertThat(secret("sk-other", "set", "openai")).isZero();
        assertThat(file).hasContent("sk-other\n");
        assertThat(secret("", "rm", "openai")).isZero();
        assertThat(file).doesNotExist();
        assertThat(secret("", "rm", "openai")).isEqualTo(1);
        assertThat(words()).contains("there is no secret 'openai'");
    }

    @Test
    void whatIsNoKeyIsRefusedWithoutBeingShown() {
        assertThat(secret("", "set", "openai")).isEqualTo(2);
        assertThat(words()).contains("no value came on stdin");
        assertThat(secret("two words", "set", "openai")).isEqualTo(2);
        assertThat(words()).contains("Give the key alone").doesNotContain("two words");
        assertThat(secret("k".repeat(9000), "set", "openai")).isEqualTo(2);
        assertThat(secret("key", "set", "../escape")).isEqualTo(2);
        assertThat(secret("key", "set", "Open_AI")).isEqualTo(2);
        assertThat(words()).contains("`open-ai`");
    }
}
