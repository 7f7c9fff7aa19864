package dev.tinyvm.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The store: names, records, removal, leftovers. Needs no root. */
class ImageStoreTest {
    @TempDir
    Path directory;

    private ImageStore store = new ImageStore(Path.of("unset"));
    private Path tree = Path.of("unset");

    @BeforeEach
    void prepare() throws IOException {
        store = new ImageStore(directory.resolve("images"), ImageFormat.DIRECTORY);
        tree = Files.createDirectories(directory.resolve("tree"));
        Files.createDirectories(tree.resolve("bin"));
        Files.writeString(tree.resolve("bin/tool"), "#!/bin/sh\n");
    }

    @Test
    void hostIsAlwaysThereAndStoresNothing() {
        Image host = store.find("host").orElseThrow();
        assertThat(host.defaultUser()).isEqualTo("user");
        assertThat(host.digest()).matches("sha256:[0-9a-f]{64}");
        assertThat(host.sizeBytes()).isZero();
        assertThat(store.list()).containsExactly(host);
        assertThat(store.directory()).doesNotExist();
    }

    @Test
    void anImportedImageIsFoundWithWhatWasSaidOfIt() {
        ImageConfig config = new ImageConfig("worker", Map.of("A", "b", "Z", "é"), "/srv", List.of("tool", "--all"));
        Image image = store.importFrom("debian-12.5_x", tree, config).image();
        assertThat(image.sizeBytes()).isEqualTo(10);
        assertThat(image.digest()).matches("sha256:[0-9a-f]{64}");
        assertThat(store.find("debian-12.5_x")).contains(image);
        assertThat(new ImageStore(store.directory()).inspect("debian-12.5_x")).isEqualTo(image);
        assertThat(image.env()).containsEntry("Z", "é");
        assertThat(image.command()).containsExactly("tool", "--all");
        assertThat(store.list()).extracting(Image::name).containsExactly("host", "debian-12.5_x");
        assertThat(store.directory().resolve("debian-12.5_x/rootfs/bin/tool")).hasContent("#!/bin/sh\n");
    }

    @Test
    void theSameTreeHasTheSameDigestAndAChangedOneAnother() throws IOException {
        String first =
                store.importFrom("one", tree, ImageConfig.DEFAULT).image().digest();
        assertThat(store.importFrom("two", tree, ImageConfig.DEFAULT).image().digest())
                .isEqualTo(first);
        Files.writeString(tree.resolve("bin/tool"), "#!/bin/su\n");
        assertThat(store.importFrom("three", tree, ImageConfig.DEFAULT).image().digest())
                .isNotEqualTo(first);
    }

    @Test
    void anImportedImageIsClosedToOthers() throws IOException {
        store.importFrom("closed", tree, ImageConfig.DEFAULT);
        assertThat(Files.getPosixFilePermissions(store.directory().resolve("closed")))
                .hasSize(3)
                .allMatch(p -> p.name().startsWith("OWNER"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"host", "", "-a", ".a", "A", "a/b", "../a", "a b", "a:b", "js", "a.js", "a.wasm", "a\u0000"})
    void aNameThatNoImageCanHaveIsRefused(String name) {
        assertThat(code(() -> store.importFrom(name, tree, ImageConfig.DEFAULT)))
                .isEqualTo(ImageException.Code.INVALID_NAME);
    }

    @Test
    void theLongestNameIsAllowedAndOneOverIsNot() {
        store.importFrom("a".repeat(128), tree, ImageConfig.DEFAULT);
        assertThat(store.find("a".repeat(128))).isPresent();
        assertThat(code(() -> store.importFrom("a".repeat(129), tree, ImageConfig.DEFAULT)))
                .isEqualTo(ImageException.Code.INVALID_NAME);
    }

    @ParameterizedTest
    @ValueSource(strings = {"none", "../etc", "a/b", "", "."})
    void whatIsNotThereIsNotFound(String reference) {
        assertThat(store.find(reference)).isEmpty();
        assertThatThrownBy(() -> store.inspect(reference)).hasMessageContaining("there are: host");
    }

    @Test
    void aNameIsTakenOnce() {
        store.importFrom("a", tree, ImageConfig.DEFAULT);
        assertThat(code(() -> store.importFrom("a", tree, ImageConfig.DEFAULT))).isEqualTo(ImageException.Code.EXISTS);
        assertThat(store.find("a")).isPresent();
    }

    @Test
    void anImageIsRemovedUnlessItIsUsed() {
        store.importFrom("a", tree, ImageConfig.DEFAULT);
        assertThat(code(() -> store.remove("a", () -> Set.of("a")))).isEqualTo(ImageException.Code.IN_USE);
        assertThat(store.find("a")).isPresent();
        store.remove("a", () -> Set.of("b"));
        assertThat(store.find("a")).isEmpty();
        assertThat(store.directory().resolve("a")).doesNotExist();
        assertThat(code(() -> store.remove("a", Set::of))).isEqualTo(ImageException.Code.NOT_FOUND);
        assertThat(code(() -> store.remove("host", Set::of))).isEqualTo(ImageException.Code.INVALID_NAME);
    }

    @Test
    void whatAKilledImportLeftIsRemovedByTheNext() throws IOException {
        store.importFrom("a", tree, ImageConfig.DEFAULT);
        Path half = Files.createDirectories(store.directory().resolve(".import-b/rootfs/deep/er"));
        Files.writeString(half.resolve("file"), "x");
        Files.createSymbolicLink(half.resolve("link"), tree);
        Files.createDirectories(store.directory().resolve("unrecorded/rootfs"));
        assertThat(store.list()).hasSize(2);
        store.importFrom("b", tree, ImageConfig.DEFAULT);
        assertThat(names()).containsExactlyInAnyOrder(".lock", ".meta", "a", "b");
        assertThat(tree.resolve("bin/tool")).exists();
    }

    @Test
    void twoImportsAtOnceAreRefused() {
        StoreLock held = StoreLock.take(store.directory());
        try {
            assertThat(code(() -> store.importFrom("a", tree, ImageConfig.DEFAULT)))
                    .isEqualTo(ImageException.Code.BUSY);
        } finally {
            held.close();
        }
        store.importFrom("a", tree, ImageConfig.DEFAULT);
    }

    @Test
    void aSourceThatIsNoRootFileSystemIsRefused() throws IOException {
        assertThat(code(() -> store.importFrom("a", directory.resolve("none"), ImageConfig.DEFAULT)))
                .isEqualTo(ImageException.Code.NOT_FOUND);
        assertThat(code(() -> store.importFrom("a", Path.of("/"), ImageConfig.DEFAULT)))
                .isEqualTo(ImageException.Code.REFUSED);
        assertThat(code(() -> store.importFrom("a", directory, ImageConfig.DEFAULT)))
                .isEqualTo(ImageException.Code.REFUSED);
        Path wrapped = directory.resolve("wrapped");
        Files.createDirectories(wrapped.resolve("rootfs/bin"));
        assertThatThrownBy(() -> store.importFrom("a", wrapped, ImageConfig.DEFAULT))
                .hasMessageContaining("in its directory `rootfs`");
        assertThat(code(() -> store.importFrom("a", Path.of("/dev/null"), ImageConfig.DEFAULT)))
                .isEqualTo(ImageException.Code.UNSUPPORTED);
        assertThat(names()).containsExactlyInAnyOrder(".lock", ".meta");
    }

    @Test
    void aDamagedRecordIsAnErrorAndNoMissingImage() throws IOException {
        store.importFrom("a", tree, ImageConfig.DEFAULT);
        Files.writeString(store.directory().resolve(".meta/a.json"), "{\"name\": 1");
        assertThat(code(() -> store.find("a"))).isEqualTo(ImageException.Code.IO);
    }

    private List<String> names() throws IOException {
        try (var files = Files.list(store.directory())) {
            return files.map(file -> String.valueOf(file.getFileName())).toList();
        }
    }

    private static ImageException.Code code(Runnable attempt) {
        ImageException refusal = catchThrowableOfType(ImageException.class, attempt::run);
        assertThat(refusal).isNotNull();
        return refusal.code();
    }
}
