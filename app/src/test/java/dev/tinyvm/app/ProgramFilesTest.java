package dev.tinyvm.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.manager.ManagerException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProgramFilesTest {
    @TempDir
    Path directory;

    private Path allowed = Path.of("");
    private Path secret = Path.of("");
    private ProgramFiles programs = image -> Path.of(image);

    @BeforeEach
    void files() throws IOException {
        allowed = Files.createDirectory(directory.resolve("allowed"));
        secret = Files.writeString(directory.resolve("secret.js"), "secret");
        programs = ProgramFiles.under(List.of(allowed));
    }

    @Test
    void aProgramBelowAnAllowedDirectoryIsFoundByItsPathAndByItsName() throws IOException {
        Path program = Files.writeString(allowed.resolve("a.js"), "");
        assertThat(programs.find(program.toString())).isEqualTo(program.toRealPath());
        assertThat(programs.find("a.js")).isEqualTo(program.toRealPath());
    }

    @Test
    void anyOtherFileIsRefusedWhetherItExistsOrNot() {
        for (String image : List.of(secret.toString(), allowed + "/../secret.js", "../secret.js", "/no/such.js")) {
            assertThatThrownBy(() -> programs.find(image))
                    .isInstanceOf(ManagerException.class)
                    .hasMessageContaining(image)
                    .hasMessageContaining("volumes.hostPaths");
        }
    }

    @Test
    void aLinkThatLeadsOutIsRefused() throws IOException {
        Path link = Files.createSymbolicLink(allowed.resolve("link.js"), secret);
        assertThatThrownBy(() -> programs.find(link.toString())).hasMessageContaining("volumes.hostPaths");
    }

    @Test
    void aMissingProgramIsSaidSo() {
        assertThatThrownBy(() -> programs.find("none.js")).hasMessageContaining("there is no such file");
    }

    @Test
    void aPrivateManagerReadsItsOneProgramFromItsCopy() {
        ProgramFiles one = ProgramFiles.only("/work/a.js", Path.of("/copy/a.js"));
        assertThat(one.find("/work/a.js")).isEqualTo(Path.of("/copy/a.js"));
        assertThatThrownBy(() -> one.find(secret.toString())).hasMessageContaining("alone");
    }
}
