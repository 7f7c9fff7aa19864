package dev.tinyvm.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Layers that are unpacked once, whoever has them, and stacked by overlayfs itself. */
class SharedLayersTest extends ArchiveFixture {
    private int made;

    @BeforeEach
    void needsRoot() throws IOException {
        assumeTrue(
                Files.getAttribute(directory, "unix:uid").equals(0),
                "only root can mark what a layer hides, and mount");
    }

    @Test
    void aLayerIsUnpackedOnceForAllImages() throws IOException {
        byte[] base = builder().directory("bin/").file("bin/sh", "shell").end();
        Image one =
                image("one", base, builder().directory("a/").file("a/x", "1").end());
        Image two =
                image("two", base, builder().directory("b/").file("b/y", "22").end());
        assertThat(one.layers()).hasSize(2);
        assertThat(two.layers().getFirst()).isEqualTo(one.layers().getFirst());
        assertThat(unpacked()).hasSize(3);
        assertThat(files(two).resolve("bin/sh")).hasContent("shell");
        assertThat(files(two).resolve("b/y")).hasContent("22");
        assertThat(two.sizeBytes()).isEqualTo(7);
        store.remove("one", Set::of);
        assertThat(unpacked()).hasSize(2);
        assertThat(files(two).resolve("bin/sh")).hasContent("shell");
        store.remove("two", Set::of);
        assertThat(unpacked()).isEmpty();
    }

    @Test
    void marksHideWhatLowerLayersBrought() throws IOException {
        Image image = image(
                "a",
                builder()
                        .directory("etc/")
                        .file("etc/gone", "g")
                        .file("etc/kept", "k")
                        .directory("cache/")
                        .file("cache/old", "o")
                        .directory("tree/")
                        .file("tree/leaf", "l")
                        .directory("again/")
                        .file("again/low", "l")
                        .file("file", "f")
                        .end(),
                builder()
                        .directory("etc/")
                        .file("etc/.wh.gone", "")
                        .directory("cache/")
                        .file("cache/new", "n")
                        .file("cache/.wh..wh..opq", "")
                        .file(".wh.tree", "")
                        .file(".wh.again", "")
                        .directory("again/")
                        .file("again/up", "u")
                        .directory("file/")
                        .file("file/in", "i")
                        .end());
        assertThat(image.layers()).hasSize(2);
        Path root = files(image);
        assertThat(list(root)).containsExactlyInAnyOrder("etc", "cache", "again", "file");
        assertThat(list(root.resolve("etc"))).containsExactly("kept");
        assertThat(list(root.resolve("cache"))).containsExactly("new");
        assertThat(list(root.resolve("again"))).containsExactly("up");
        assertThat(list(root.resolve("file"))).containsExactly("in");
    }

    @Test
    void whatALayerLeavesOpenMakesOneDirectoryOfAllOfThem() throws IOException {
        byte[] base = builder()
                .header('5', "tmp/", "", 0, 01777)
                .directory("usr/")
                .directory("usr/lib/")
                .symlink("lib", "usr/lib")
                .file("a", "a")
                .end();
        Image owner = image("owner", base, builder().file("tmp/x", "x").end());
        Image link = image("link", base, builder().file("lib/x", "x").end());
        Image hard = image("hard", base, builder().hardLink("b", "a").end());
        Image ghost = image(
                "ghost",
                base,
                builder().directory("new/").file("new/.wh.none", "").end());
        Image twice = image("twice", base, base);
        for (Image image : List.of(owner, link, hard, ghost, twice)) {
            assertThat(image.layers()).as(image.references().toString()).isEmpty();
        }
        assertThat(mode(files(owner).resolve("tmp"))).isEqualTo(01777);
        assertThat(files(link).resolve("usr/lib/x")).hasContent("x");
        assertThat(Files.isSameFile(files(hard).resolve("a"), files(hard).resolve("b")))
                .isTrue();
        assertThat(list(files(ghost).resolve("new"))).isEmpty();
        assertThat(unpacked()).isEmpty();
    }

    @Test
    void layersThatChangeNothingAreLeftOut() throws IOException {
        byte[] nothing = new TarBuilder(0, 0).end();
        Image image = image("a", nothing, builder().file("a", "a").end(), nothing);
        assertThat(image.layers()).hasSize(1);
        assertThat(files(image).resolve("a")).hasContent("a");
    }

    @Test
    void linksModesAndOwnersStayAsTheyAre() throws IOException {
        Image image = image(
                "a",
                builder().directory("d/").file("d/low", "l").end(),
                builder()
                        .file("tool", "t", 04755)
                        .hardLink("same", "tool")
                        .header('5', "d/", "", 0, 0700)
                        .end());
        assertThat(image.layers()).hasSize(2);
        Path root = files(image);
        assertThat(mode(root.resolve("tool"))).isEqualTo(04755);
        assertThat(Files.isSameFile(root.resolve("tool"), root.resolve("same"))).isTrue();
        assertThat(mode(root.resolve("d"))).isEqualTo(0700);
        assertThat(root.resolve("d/low")).hasContent("l");
    }

    @Test
    void whereTheKernelMountsItALayerIsOneErofsFile() throws IOException {
        assumeTrue(ErofsFile.program().isPresent(), "there is no mkfs.erofs (package erofs-utils)");
        store = new ImageStore(store.directory(), ImageFormat.AUTO);
        Path probe = Files.createDirectories(directory.resolve("probe"));
        assumeTrue(
                ErofsFile.make(probe, directory.resolve("probe.erofs")).isEmpty(),
                "this kernel does not mount EROFS files without a loop device");
        Image image = image("a", builder().file("a", "a").end());
        Path layer = store.directory()
                .resolve(".layers")
                .resolve(image.layers().getFirst().substring(7));
        assertThat(list(layer)).containsExactly("rootfs.erofs");
        assertThat(layer.resolve("rootfs.erofs")).isNotEmptyFile();
        Files.createDirectories(directory.resolve("tree/bin"));
        Image plain = store.importFrom("plain", directory.resolve("tree"), ImageConfig.DEFAULT)
                .image();
        assertThat(list(store.directory().resolve(plain.name()))).containsExactly("rootfs.erofs");
    }

    private List<String> unpacked() throws IOException {
        return list(store.directory().resolve(".layers")).stream()
                .filter(name -> !name.endsWith(".json"))
                .toList();
    }

    private Image image(String name, byte[]... layers) throws IOException {
        OciBuilder image = new OciBuilder();
        for (byte[] layer : layers) {
            image.layer(layer);
        }
        Path layout = image.layout(directory.resolve("layout" + made++), image.manifest(), name);
        return store.importFrom(name, layout, ImageConfig.DEFAULT).image();
    }
}
