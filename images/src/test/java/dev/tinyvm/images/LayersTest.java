package dev.tinyvm.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What layers make of each other. */
class LayersTest extends ArchiveFixture {
    @Test
    void aWhiteoutRemovesWhatLowerLayersBrought() throws IOException {
        Path root = unpack(
                builder()
                        .directory("etc/")
                        .file("etc/a", "a")
                        .file("etc/b", "b")
                        .directory("gone/")
                        .file("gone/x", "x")
                        .end(),
                builder().file("etc/.wh.a", "").file(".wh.gone", "").end());
        assertThat(list(root.resolve("etc"))).containsExactly("b");
        assertThat(list(root)).containsExactly("etc");
        assertThat(only().sizeBytes()).isEqualTo(1);
    }

    @Test
    void anOpaqueDirectoryKeepsOnlyWhatItsOwnLayerBrings() throws IOException {
        Path root = unpack(
                builder()
                        .directory("d/")
                        .file("d/low", "1")
                        .directory("d/sub/")
                        .file("d/sub/low", "1")
                        .end(),
                builder()
                        .directory("d/")
                        .directory("d/sub/")
                        .file("d/sub/up", "2")
                        .file("d/up", "2")
                        .file("d/.wh..wh..opq", "")
                        .end());
        assertThat(list(root.resolve("d"))).containsExactlyInAnyOrder("sub", "up");
        assertThat(list(root.resolve("d/sub"))).containsExactly("up");
    }

    @Test
    void namesFromTheRootOnStandInTheImage() throws IOException {
        Path root = unpack(
                builder().directory("/").file("/tmp/canary-of-tinyvm", "in").end());
        assertThat(root.resolve("tmp/canary-of-tinyvm")).hasContent("in");
        assertThat(Path.of("/tmp/canary-of-tinyvm")).doesNotExist();
    }

    @Test
    void aLayerNeedsNoEndMarkSinceItsDigestTellsThatItIsWhole() throws IOException {
        byte[] unpadded = java.util.Arrays.copyOf(builder().file("a", "a").withoutEnd(), 513);
        assertThat(unpack(unpadded).resolve("a")).hasContent("a");
    }

    @Test
    void aWhiteoutNeverHidesItsOwnLayer() throws IOException {
        Path root = unpack(
                builder().directory("d/").file("d/low", "1").file("f", "low").end(),
                builder()
                        .directory("d/")
                        .file("d/up", "2")
                        .file(".wh.d", "")
                        .file("f", "up")
                        .file(".wh.f", "")
                        .end());
        assertThat(list(root.resolve("d"))).containsExactly("up");
        assertThat(root.resolve("f")).hasContent("up");
    }

    @Test
    void aWhiteoutInTheFirstLayerHidesNothing() throws IOException {
        Path root = unpack(builder().file("a", "a").file(".wh.b", "").end());
        assertThat(list(root)).containsExactly("a");
    }

    @Test
    void upperFilesReplaceLowerFilesDirectoriesAndLinks() throws IOException {
        Path root = unpack(
                builder()
                        .directory("d/")
                        .file("d/x", "x")
                        .file("f", "f")
                        .symlink("l", "d")
                        .end(),
                builder()
                        .file("d", "now a file")
                        .directory("f/")
                        .file("f/in", "in")
                        .directory("l/")
                        .file("l/y", "y")
                        .end());
        assertThat(root.resolve("d")).hasContent("now a file");
        assertThat(root.resolve("f/in")).hasContent("in");
        assertThat(Files.isSymbolicLink(root.resolve("l"))).isFalse();
        assertThat(list(root.resolve("l"))).containsExactly("y");
    }

    @Test
    void aDirectoryThatComesAgainChangesItsModeAndKeepsItsFiles() throws IOException {
        Path root = unpack(
                builder().directory("d/").file("d/x", "x").end(),
                builder().header('5', "d/", "", 0, 0700).end());
        assertThat(mode(root.resolve("d"))).isEqualTo(0700);
        assertThat(root.resolve("d/x")).hasContent("x");
    }

    @Test
    void linksOfLowerLayersAreFollowedInsideOfTheImage() throws IOException {
        Path root = unpack(
                builder()
                        .directory("usr/")
                        .directory("usr/lib/")
                        .file("usr/lib/old", "o")
                        .symlink("lib", "usr/lib")
                        .symlink("up", "/../../..")
                        .end(),
                builder()
                        .file("lib/new", "n")
                        .file("lib/.wh.old", "")
                        .file("up/here", "h")
                        .end());
        assertThat(list(root.resolve("usr/lib"))).containsExactly("new");
        assertThat(Files.readSymbolicLink(root.resolve("lib"))).hasToString("usr/lib");
        assertThat(root.resolve("here")).hasContent("h");
        assertThat(canary).hasContent("untouched");
    }

    @Test
    void hardLinksReachIntoLowerLayersAndAreNotChangedThroughEachOther() throws IOException {
        Path root = unpack(
                builder().file("a", "one").hardLink("b", "a").end(),
                builder().hardLink("c", "a").end(),
                builder().file("a", "two").end());
        assertThat(root.resolve("a")).hasContent("two");
        assertThat(root.resolve("b")).hasContent("one");
        assertThat(Files.isSameFile(root.resolve("b"), root.resolve("c"))).isTrue();
        assertThat(only().sizeBytes()).isEqualTo(6);
    }

    @Test
    void modesAndLongNamesComeThroughLayers() throws IOException {
        String longName = "dir/" + "n".repeat(180);
        Path root = unpack(
                builder().directory("dir/").file("tool", "m", 04755).end(),
                builder()
                        .pax("path", longName.getBytes(StandardCharsets.UTF_8))
                        .file("short", "s")
                        .end());
        assertThat(mode(root.resolve("tool"))).isEqualTo(04755);
        assertThat(root.resolve(longName)).hasContent("s");
    }

    @Test
    void attributesComeThroughLayers() throws IOException {
        assumeTrue(
                Files.getFileStore(directory).supportsFileAttributeView("user"),
                "the file system of the temporary directory has no user.* attributes");
        Path root = unpack(
                builder().file("a", "a").end(),
                builder()
                        .pax("SCHILY.xattr.user.mark", "v".getBytes(StandardCharsets.UTF_8))
                        .file("marked", "m")
                        .end());
        assertThat(Files.getAttribute(root.resolve("marked"), "user:mark"))
                .isEqualTo("v".getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void zstdAndPlainLayersAreUnpackedToo() throws IOException {
        byte[] first = builder().file("zstd", "z").end();
        byte[] second = builder().file("plain", "p").end();
        OciBuilder image = new OciBuilder()
                .layer(first, com.github.luben.zstd.Zstd.compress(first), OciJson.OCI_LAYER + "+zstd")
                .layer(second, second, OciJson.OCI_LAYER);
        store.importFrom("a", image.layout(directory.resolve("layout"), image.manifest(), "a"), ImageConfig.DEFAULT);
        assertThat(list(files(only()))).containsExactlyInAnyOrder("plain", "zstd");
    }

    @Test
    void whatIsNestedDeeperThanDescriptorsReachIsRemoved() throws IOException {
        // Links lengthen what one name may say: 20 times 100 directories.
        TarBuilder low = builder();
        String hundred = "d/".repeat(100);
        String base = "";
        for (int i = 0; i < 20; i++) {
            low.pax("path", (base + hundred).getBytes(StandardCharsets.UTF_8)).directory("x/");
            low.symlink("s" + i, (base.isEmpty() ? "" : base) + hundred);
            base = "s" + i + "/";
        }
        Path root = unpack(low.file("a", "a").end(), builder().file(".wh.d", "").end());
        assertThat(list(root)).doesNotContain("d").contains("a", "s0");
    }

    private Path unpack(byte[]... layers) throws IOException {
        OciBuilder image = new OciBuilder();
        for (byte[] layer : layers) {
            image.layer(layer);
        }
        Path layout = image.layout(directory.resolve("layout"), image.manifest(), "a");
        return files(store.importFrom("a", layout, ImageConfig.DEFAULT).image());
    }

    private Image only() {
        return store.inspect("a");
    }
}
