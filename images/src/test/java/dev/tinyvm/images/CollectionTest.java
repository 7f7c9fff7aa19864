package dev.tinyvm.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What is removed, and what stays. */
class CollectionTest extends ArchiveFixture {
    private int made;

    @Test
    void whatATagPointsToStaysAndWhatBrokenTransfersLeftGoes() throws IOException {
        Image kept = imported("kept", "k");
        Files.writeString(store.directory().resolve(".blobs/partial/" + "a".repeat(64)), "half");
        Files.writeString(store.directory().resolve(".blobs/sha256/" + "b".repeat(64)), "no image has it");
        GcResult result = store.gc(Set::of);
        assertThat(result.images()).isEmpty();
        assertThat(result.blobs()).isEqualTo(1);
        assertThat(result.freedBytes()).isEqualTo(19);
        assertThat(store.find("kept")).contains(kept);
        assertThat(list(store.directory().resolve(".blobs/partial"))).isEmpty();
        assertThat(store.gc(Set::of)).isEqualTo(new GcResult(List.of(), 0, 0));
    }

    @Test
    void anImageThatATagLeftIsKeptWhileATinyVmIsPinnedToIt() throws IOException {
        try (ScriptedRegistry registry = new ScriptedRegistry()) {
            String reference = registry.host() + "/app:1";
            Image first = pulled(registry, reference, "first");
            Image second = pulled(registry, reference, "second");
            assertThat(first.name()).isNotEqualTo(second.name());
            assertThat(store.gc(() -> Set.of(reference, first.name())).images()).isEmpty();
            assertThat(store.gc(() -> Set.of("host", registry.host() + "/app@" + first.digest()))
                            .images())
                    .isEmpty();
            assertThat(files(first).resolve("bin/f")).exists();
            assertThat(store.gc(() -> Set.of("host", reference, "other:1", "not a reference"))
                            .images())
                    .containsExactly(first.name());
            assertThat(store.directory().resolve(first.name())).doesNotExist();
            assertThat(store.find(reference)).contains(second);
            assertThat(list(store.directory().resolve(".blobs/sha256"))).hasSize(3);
        }
    }

    @Test
    void anImageThatIsPinnedWhileItIsBeingRemovedStays() throws IOException {
        Image image = imported("app", "a");
        AtomicInteger asked = new AtomicInteger();
        assertThat(code(() -> store.remove(
                        "app", () -> asked.getAndIncrement() == 0 ? Set.<String>of() : Set.of(image.name()))))
                .isEqualTo(ImageException.Code.IN_USE);
        assertThat(store.find("app")).contains(image);
        assertThat(files(image)).isDirectory();
    }

    @Test
    void plainImportsStay() throws IOException {
        Files.createDirectories(directory.resolve("archive/bin"));
        store.importFrom("plain", directory.resolve("archive"), ImageConfig.DEFAULT);
        store.gc(Set::of);
        assertThat(store.find("plain")).isPresent();
    }

    @Test
    void removingOneOfTwoTagsKeepsTheImageAndRemovingTheLastFreesItsBlobs() throws IOException {
        OciBuilder image = new OciBuilder().layer(builder().file("a", "a").end());
        Path layout = image.layout(directory.resolve("layout"), image.manifest(), "x");
        store.importFrom("one", layout, ImageConfig.DEFAULT);
        store.importFrom("two", layout, ImageConfig.DEFAULT);
        assertThat(code(() -> store.remove("one:latest", () -> Set.of("one")))).isEqualTo(ImageException.Code.IN_USE);
        store.remove("one:latest", () -> Set.of("two"));
        assertThat(store.find("one")).isEmpty();
        assertThat(store.find("two")).isPresent();
        assertThat(code(() -> store.remove("two", () -> Set.of("two:latest")))).isEqualTo(ImageException.Code.IN_USE);
        store.remove("two", () -> Set.of("host"));
        assertThat(store.tags()).isEmpty();
        assertThat(list(store.directory().resolve(".blobs/sha256"))).isEmpty();
        assertThat(list(store.directory())).containsExactlyInAnyOrder(".blobs", ".layers", ".lock", ".meta", ".tags");
        assertThat(list(store.directory().resolve(".layers"))).isEmpty();
    }

    @Test
    void aLayerThatTwoImagesShareStaysWithTheOther() throws IOException {
        byte[] shared = builder().file("base", "base").end();
        for (String name : List.of("one", "two")) {
            OciBuilder image = new OciBuilder()
                    .layer(shared)
                    .layer(builder().file(name, name).end());
            store.importFrom(name, image.layout(directory.resolve(name), image.manifest(), "x"), ImageConfig.DEFAULT);
        }
        assertThat(list(store.directory().resolve(".blobs/sha256"))).hasSize(7);
        store.remove("one", Set::of);
        assertThat(list(store.directory().resolve(".blobs/sha256"))).hasSize(4);
        assertThat(store.find("two")).isPresent();
    }

    @Test
    void aBlobThatTheDiskDamagedIsSaidAndTransferredAgain() throws IOException {
        OciBuilder image = new OciBuilder().layer(builder().file("a", "a").end());
        try (ScriptedRegistry registry = new ScriptedRegistry()) {
            registry.serve("app", "1", image, image.manifest());
            String reference = registry.host() + "/app:1";
            Image pulled = pull(reference);
            Path layer = image.blobs.keySet().stream()
                    .map(digest -> store.directory().resolve(".blobs/sha256/" + digest.hex()))
                    .findFirst()
                    .orElseThrow();
            byte[] damaged = Files.readAllBytes(layer);
            damaged[damaged.length - 5] ^= 1;
            Files.write(layer, damaged);
            Files.delete(store.directory().resolve(".meta/" + pulled.name() + ".json"));
            for (String unpacked : pulled.layers()) {
                Files.delete(store.directory().resolve(".layers/" + unpacked.substring("sha256:".length()) + ".json"));
            }
            assertThat(code(() -> pull(reference))).isEqualTo(ImageException.Code.DIGEST_MISMATCH);
            assertThat(pull(reference).digest()).isEqualTo(pulled.digest());
        }
    }

    @Test
    void nothingIsCollectedWhileAnotherProcessChangesTheStore() throws IOException {
        imported("kept", "k");
        StoreLock held = StoreLock.take(store.directory());
        try {
            assertThat(code(() -> store.gc(Set::of))).isEqualTo(ImageException.Code.BUSY);
        } finally {
            held.close();
        }
    }

    private Image imported(String name, String content) throws IOException {
        OciBuilder image = new OciBuilder()
                .layer(builder().directory("bin/").file("bin/f", content).end());
        return store.importFrom(
                        name,
                        image.layout(directory.resolve("layout" + made++), image.manifest(), "x"),
                        ImageConfig.DEFAULT)
                .image();
    }

    private Image pulled(ScriptedRegistry registry, String reference, String content) {
        OciBuilder image = new OciBuilder()
                .layer(builder().directory("bin/").file("bin/f", content).end());
        registry.serve("app", "1", image, image.manifest());
        return pull(reference);
    }

    private Image pull(String reference) {
        return store.pull(reference, ScriptedRegistry.options(), ImportLimits.DEFAULT, PullProgress.NONE)
                .image();
    }

    private static ImageException.Code code(Runnable attempt) {
        ImageException refusal = catchThrowableOfType(ImageException.class, attempt::run);
        assertThat(refusal).isNotNull();
        return refusal.code();
    }
}
