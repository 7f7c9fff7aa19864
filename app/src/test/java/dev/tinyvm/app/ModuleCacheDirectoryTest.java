package dev.tinyvm.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModuleCacheDirectoryTest {
    @TempDir
    private Path home;

    private final int uid = Privileges.uid();

    @Test
    void itIsMadeForItsUserAlone() throws Exception {
        Path directory = ModuleCacheDirectory.ofUser(Map.of("HOME", home.toString()), uid);
        assertThat(directory).isEqualTo(home.resolve(".cache/tinyvm/wasm"));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
                .isEqualTo("rwx------");
        assertThat(ModuleCacheDirectory.ofUser(Map.of("HOME", home.toString()), uid))
                .isEqualTo(directory);
        assertThat(ModuleCacheDirectory.ofUser(
                        Map.of("XDG_CACHE_HOME", home.resolve("x").toString()), uid))
                .isEqualTo(home.resolve("x/tinyvm/wasm"));
    }

    @Test
    void oneThatOthersCouldHaveWrittenToIsNotTrusted() throws Exception {
        Map<String, String> environment = Map.of("HOME", home.toString());
        Path directory = ModuleCacheDirectory.ofUser(environment, uid);
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwx---"));
        assertThatThrownBy(() -> ModuleCacheDirectory.ofUser(environment, uid))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("written to by others");
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
        assertThatThrownBy(() -> ModuleCacheDirectory.ofUser(environment, uid + 1))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("belongs to another user");
        Files.delete(directory);
        Files.createSymbolicLink(directory, Files.createDirectory(home.resolve("elsewhere")));
        assertThatThrownBy(() -> ModuleCacheDirectory.ofUser(environment, uid))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no directory");
    }

    @Test
    void withoutAHomeThereIsNone() {
        assertThatThrownBy(() -> ModuleCacheDirectory.ofUser(Map.of(), uid)).hasMessageContaining("HOME");
    }

    @Test
    void aManagerThatRootStartedGetsOneOfItsOwnBelowADirectoryOfRoot() throws Exception {
        Assumptions.assumeTrue(Privileges.isRoot(), "only root can give a directory away");
        int service = 0x0fff_0001;
        Path directory = ModuleCacheDirectory.ofService(home, service);
        assertThat(Files.getAttribute(directory, "unix:uid")).isEqualTo(service);
        assertThat(ModuleCacheDirectory.ofService(home, service)).isEqualTo(directory);
        Files.setPosixFilePermissions(directory.getParent(), PosixFilePermissions.fromString("rwxrwxrwx"));
        assertThatThrownBy(() -> ModuleCacheDirectory.ofService(home, service))
                .hasMessageContaining("not root's alone");
    }
}
