package dev.tinyvm.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.cli.Shell;
import dev.tinyvm.images.PullProgress.Step;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TransferProgressTest {
    private static final String LAYER = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    private final ByteArrayOutputStream said = new ByteArrayOutputStream();

    @Test
    void onATerminalOneLineChanges() {
        play("2", false);
        assertThat(text())
                .contains("\r\033[K", "pulling [", "unpacking [")
                .doesNotContain("\n")
                .endsWith("\r\033[K");
    }

    @Test
    void elsewhereEachStepIsAPlainLineOnce() {
        play("01", false);
        assertThat(text()).isEqualTo("""
                sha256:0123456789ab: pulling 2Mi
                sha256:0123456789ab: unpacking
                sha256:0123456789ab: unpacked
                """);
    }

    @Test
    void quietIsQuiet() {
        play("", true);
        assertThat(text()).isEmpty();
    }

    private void play(String terminals, boolean quiet) {
        PrintStream err = new PrintStream(said, true, StandardCharsets.UTF_8);
        Shell shell = new Shell(InputStream.nullInputStream(), err, err, Map.of(), terminals);
        try (TransferProgress progress = new TransferProgress(shell, "pulling", quiet)) {
            for (long done = 0; done <= 2 << 20; done += 1 << 17) {
                progress.on(LAYER, Step.DOWNLOADING, done, 2 << 20);
            }
            progress.on(LAYER, Step.VERIFIED, 2 << 20, 2 << 20);
            progress.on(LAYER, Step.UNPACKING, 0, 2 << 20);
            progress.on(LAYER, Step.UNPACKED, 2 << 20, 2 << 20);
        }
    }

    private String text() {
        return said.toString(StandardCharsets.UTF_8);
    }
}
