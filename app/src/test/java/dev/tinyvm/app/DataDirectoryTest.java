package dev.tinyvm.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.cli.Cli;
import dev.tinyvm.cli.CliException;
import dev.tinyvm.cli.RunningManager;
import dev.tinyvm.manager.ManagerSettings;
import dev.tinyvm.spec.ManagerConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataDirectoryTest {
    @TempDir
    Path directory;

    @Test
    void aSecondManagerOnTheSameDataIsRefusedAndToldWhoIsThere() {
        try (DataDirectory first = DataDirectory.open(directory)) {
            assertThat(first.path()).isEqualTo(directory);
            assertThatThrownBy(() -> DataDirectory.open(directory))
                    .isInstanceOf(CliException.class)
                    .hasMessageContaining("another manager runs")
                    .hasMessageContaining("process " + ProcessHandle.current().pid());
        }
        DataDirectory.open(directory).close();
    }

    @Test
    void theSocketsDirectoryIsShortHoweverLongTheDataDirectoryIs() {
        Path deep = directory.resolve("a".repeat(200)).resolve("b".repeat(200));
        assertThat(RunningManager.runDirectory(deep).toString()).hasSizeLessThan(40);
        assertThat(RunningManager.runDirectory(deep)).isNotEqualTo(RunningManager.runDirectory(directory));
    }

    @Test
    void theLocalKeyIsMadeOnceAndForItsOwnerAlone() throws Exception {
        try (DataDirectory data = DataDirectory.open(directory)) {
            Files.createDirectories(data.managerState());
            String key = data.localKey();
            assertThat(key).matches("e2b_[0-9a-f]{40}");
            assertThat(data.localKey()).isEqualTo(key);
            assertThat(Files.getAttribute(directory.resolve(RunningManager.KEY_FILE), "unix:mode"))
                    .isEqualTo(0100600);
        }
    }

    @Test
    void aManagersAddressIsFoundByWhoeverMayLook() throws Exception {
        Files.createDirectories(directory.resolve(RunningManager.DIRECTORY));
        new RunningManager("http://127.0.0.1:7", 42).write(directory);
        assertThat(RunningManager.read(directory)).contains(new RunningManager("http://127.0.0.1:7", 42));
        assertThat(RunningManager.read(directory.resolve("elsewhere"))).isEmpty();
    }

    @Test
    void capacityOnTheCommandLineWinsOverTheConfiguration() {
        ManagerSettings base = ManagerSettings.of(ManagerConfig.DEFAULT, Cli.VERSION);
        ManagerSettings settings = UpCommand.withCapacity(base, Map.of("cpu", "4", "memory", "8Gi"));
        assertThat(settings.capacityCpuMillis()).hasValue(4000);
        assertThat(settings.capacityMemoryBytes()).hasValue(8L << 30);
        assertThatThrownBy(() -> UpCommand.withCapacity(base, Map.of("disk", "1")))
                .isInstanceOf(CliException.class)
                .hasMessageContaining("--capacity");
        assertThatThrownBy(() -> UpCommand.withCapacity(base, Map.of("cpu", "much")))
                .isInstanceOf(CliException.class);
    }
}
