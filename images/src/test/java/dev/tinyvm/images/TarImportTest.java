package dev.tinyvm.images;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Honest archives, as tar programs write them. */
class TarImportTest extends ArchiveFixture {
    @Test
    void anArchiveIsUnpackedWithItsModesLinksAndTimes() throws IOException {
        byte[] tar = builder()
                .directory("./")
                .directory("./bin/")
                .file("./bin/tool", "tool", 04755)
                .symlink("./bin/link", "/etc/passwd")
                .hardLink("./bin/other", "./bin/tool")
                .header('5', "./closed/", "", 0, 0500)
                .file("./closed/file", "x", 0400)
                .file("./made/by/nobody", "y")
                .end();
        ImportResult result = store.importFrom("a", write(tar), ImageConfig.DEFAULT);
        Path root = store.directory().resolve("a/rootfs");
        assertThat(mode(root.resolve("bin/tool"))).isEqualTo(04755);
        assertThat(Files.readSymbolicLink(root.resolve("bin/link"))).hasToString("/etc/passwd");
        assertThat(Files.isSameFile(root.resolve("bin/other"), root.resolve("bin/tool")))
                .isTrue();
        assertThat(mode(root.resolve("closed"))).isEqualTo(0500);
        assertThat(mode(root.resolve("made/by"))).isEqualTo(0755);
        assertThat(Files.getLastModifiedTime(root.resolve("bin")).toMillis()).isEqualTo(1_700_000_000_000L);
        assertThat(Files.getLastModifiedTime(root.resolve("bin/tool")).toMillis())
                .isEqualTo(1_700_000_000_000L);
        assertThat(result.image().sizeBytes()).isEqualTo(6);
        assertThat(result.leftOut()).isEmpty();
    }

    @Test
    void gzipAndZstdAreTheSameImage() throws IOException {
        byte[] tar =
                builder().directory("bin/").file("bin/a", "a".repeat(5_000)).end();
        String plain = store.importFrom("plain", write(tar), ImageConfig.DEFAULT)
                .image()
                .digest();
        assertThat(store.importFrom("gzip", write(gzip(tar)), ImageConfig.DEFAULT)
                        .image()
                        .digest())
                .isEqualTo(plain);
        assertThat(store.importFrom("zstd", write(com.github.luben.zstd.Zstd.compress(tar)), ImageConfig.DEFAULT)
                        .image()
                        .digest())
                .isEqualTo(plain);
    }

    @Test
    void longNamesOfBothKindsAndBytesThatAreNoTextAreKept() throws IOException {
        String longName = "usr/" + "long/".repeat(30) + "name";
        byte[] gnuName = (longName + "-gnu\0").getBytes(StandardCharsets.UTF_8);
        byte[] tar = builder()
                .pax("path", (longName + "-pax-é").getBytes(StandardCharsets.UTF_8))
                .file("short", "pax")
                .header('L', "././@LongLink", "", gnuName.length, 0644)
                .raw(gnuName)
                .pad()
                .file("short", "gnu")
                .file("usr/\u00ff\u00fe", "latin")
                .end();
        store.importFrom("a", write(tar), ImageConfig.DEFAULT);
        Path deep = store.directory().resolve("a/rootfs/usr/" + "long/".repeat(30));
        assertThat(list(deep)).containsExactlyInAnyOrder("name-pax-\u00c3\u00a9", "name-gnu");
        assertThat(list(store.directory().resolve("a/rootfs/usr"))).contains("\u00ff\u00fe");
    }

    @Test
    void aLaterEntryReplacesAnEarlierFile() throws IOException {
        byte[] tar = builder()
                .directory("bin/")
                .symlink("bin/a", canary.toString())
                .file("bin/a", "second")
                .end();
        store.importFrom("a", write(tar), ImageConfig.DEFAULT);
        assertThat(store.directory().resolve("a/rootfs/bin/a")).hasContent("second");
        assertThat(canary).hasContent("untouched");
    }

    @Test
    void devicesInDevFifosAndSocketsAreLeftOutAndNamed() throws IOException {
        byte[] tar = builder()
                .directory("bin/")
                .directory("dev/")
                .header('3', "dev/null", "", 0, 0666)
                .header('6', "run/fifo", "", 0, 0600)
                .end();
        assertThat(store.importFrom("a", write(tar), ImageConfig.DEFAULT).leftOut())
                .containsExactly("dev/null", "run/fifo");
        assertThat(list(store.directory().resolve("a/rootfs/dev"))).isEmpty();
    }

    @Test
    void whatTarWritesIsRead() throws Exception {
        Path tree =
                Files.createDirectories(directory.resolve("tree/usr/share/" + "d".repeat(90) + "/" + "e".repeat(90)));
        Files.writeString(tree.resolve("f".repeat(200)), "deep");
        Files.writeString(directory.resolve("tree/usr/empty"), "");
        Files.createSymbolicLink(directory.resolve("tree/bin"), Path.of("usr/" + "s".repeat(150)));
        Files.createLink(directory.resolve("tree/usr/hard"), directory.resolve("tree/usr/empty"));
        for (String format : List.of("gnu", "pax")) {
            Path tar = directory.resolve(format + ".tar.gz");
            Process process = new ProcessBuilder(
                            "tar",
                            "--format=" + format,
                            "-C",
                            directory.resolve("tree").toString(),
                            "-czf",
                            tar.toString(),
                            ".")
                    .inheritIO()
                    .start();
            assertThat(process.waitFor()).isZero();
            store.importFrom(format, tar, ImageConfig.DEFAULT);
            Path root = store.directory().resolve(format + "/rootfs");
            assertThat(root.resolve("usr/share/" + "d".repeat(90) + "/" + "e".repeat(90) + "/" + "f".repeat(200)))
                    .hasContent("deep");
            assertThat(Files.readSymbolicLink(root.resolve("bin")).toString()).hasSize(154);
            assertThat(Files.isSameFile(root.resolve("usr/hard"), root.resolve("usr/empty")))
                    .isTrue();
        }
    }
}
