package dev.tinyvm.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.tinyvm.images.registry.Digest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Images that other tools saved: OCI layouts, docker archives, honest and hostile. */
class SavedImageTest extends ArchiveFixture {
    private static final String CONFIG = "{\"Cmd\":[\"run\"],\"Env\":[\"A=1\"]}";

    @Test
    void aLayoutDirectoryAndItsArchiveAreTheSameImage() throws IOException {
        OciBuilder image = image();
        Image fromDirectory = store.importFrom(
                        "one", image.layout(directory.resolve("layout"), image.manifest(), "x"), ImageConfig.DEFAULT)
                .image();
        Image fromArchive = store.importFrom(
                        "two:3", write(gzip(image.archive(builder(), image.index(), "x"))), ImageConfig.DEFAULT)
                .image();
        assertThat(fromArchive.name()).isEqualTo(fromDirectory.name());
        assertThat(fromArchive.digest()).isEqualTo(image.manifest().toString());
        assertThat(store.tags()).extracting(ImageTag::familiar).containsExactly("one:latest", "two:3");
        assertThat(store.inspect("one").command()).containsExactly("run");
        assertThat(store.inspect("one").workingDir()).isEqualTo("/");
        assertThat(store.inspect("one").defaultUser()).isEqualTo("root");
        assertThat(store.inspect("two:3").references())
                .containsExactly("docker.io/library/one:latest", "docker.io/library/two:3");
    }

    @Test
    void whatDockerSavesIsReadWithItsLinks() throws IOException {
        byte[] layer = builder().file("bin", "b").end();
        byte[] config = config(layer, layer);
        String name = Digest.of(config).hex() + ".json";
        byte[] archive = builder()
                .bytes(name, config)
                .directory("f".repeat(64) + "/")
                .bytes("f".repeat(64) + "/layer.tar", layer)
                .directory("e".repeat(64) + "/")
                .symlink("e".repeat(64) + "/layer.tar", "../" + "f".repeat(64) + "/layer.tar")
                .file(
                        "manifest.json",
                        manifestJson(name, "app:1", "f".repeat(64) + "/layer.tar", "e".repeat(64) + "/layer.tar"))
                .end();
        Image image =
                store.importFrom("app:1", write(archive), ImageConfig.DEFAULT).image();
        assertThat(files(image).resolve("bin")).hasContent("b");
        assertThat(image.env()).containsExactly(Map.entry("A", "1"));
        // Manifest, configuration, layer: the archive's other files are not kept.
        assertThat(list(store.directory().resolve(".blobs/sha256"))).hasSize(3);
    }

    @Test
    void ofSeveralImagesTheOneThatIsNamedIsTaken() throws IOException {
        byte[] layer = builder().file("bin", "b").end();
        byte[] config = config(layer);
        String name = Digest.of(config).hex() + ".json";
        String first = manifestJson(name, "app:1", "l.tar");
        String both = "[" + first.substring(1, first.length() - 1) + ","
                + manifestJson(name, "app:2", "l.tar").substring(1);
        byte[] archive = builder()
                .bytes(name, config)
                .bytes("l.tar", layer)
                .file("manifest.json", both)
                .end();
        assertThat(store.importFrom("app:2", write(archive), ImageConfig.DEFAULT)
                        .image()
                        .references())
                .containsExactly("docker.io/library/app:2");
        assertThat(refusal("other", archive, ImageException.Code.REFUSED)).hasMessageContaining("`app:1`, `app:2`");
    }

    @Test
    void aNameThatIsTakenAndAConfigurationOfOnesOwnAreRefused() throws IOException {
        OciBuilder image = image();
        Path layout = image.layout(directory.resolve("layout"), image.manifest(), "x");
        store.importFrom("a", layout, ImageConfig.DEFAULT);
        assertThat(code("a:latest", layout, ImageConfig.DEFAULT)).isEqualTo(ImageException.Code.EXISTS);
        assertThat(code("b", layout, new ImageConfig("user", Map.of(), "", List.of())))
                .isEqualTo(ImageException.Code.UNSUPPORTED);
        assertThat(code("-b", layout, ImageConfig.DEFAULT)).isEqualTo(ImageException.Code.INVALID_NAME);
    }

    @Test
    void aBlobThatIsNotItsNameIsRefused() throws IOException {
        OciBuilder image = image();
        Digest manifest = image.manifest();
        image.blobs.replaceAll((digest, bytes) -> digest.equals(manifest) ? bytes : new byte[bytes.length]);
        refusal("a", image.archive(builder(), manifest, "x"), ImageException.Code.DIGEST_MISMATCH);
        Path layout = image.layout(directory.resolve("layout"), manifest, "x");
        assertThat(code("a", layout, ImageConfig.DEFAULT)).isEqualTo(ImageException.Code.DIGEST_MISMATCH);
        assertNothingKept();
    }

    @Test
    void aLayerThatIsNotWhatTheConfigurationSaysIsRefused() throws IOException {
        byte[] said = builder().file("a", "said").end();
        byte[] given = gzip(builder().file("a", "given").end());
        OciBuilder image = new OciBuilder().layer(said, given, OciJson.OCI_LAYER + "+gzip");
        assertThat(refusal("a", image.archive(builder(), image.manifest(), "x"), ImageException.Code.DIGEST_MISMATCH))
                .hasMessageContaining("not what the image's configuration says");
        assertNothingKept();
    }

    @Test
    void aSizeThatIsALieIsRefused() throws IOException {
        byte[] layer = gzip(builder().file("a", "a").end());
        OciBuilder image = new OciBuilder();
        image.lie(OciBuilder.descriptor(OciJson.OCI_LAYER, image.put(layer), layer.length + 1), layer);
        refusal("a", image.archive(builder(), image.manifest(), "x"), ImageException.Code.REFUSED);
        assertNothingKept();
    }

    @Test
    void aCompressedBombEndsAtItsLimit() throws IOException {
        byte[] bomb = builder().bytes("zeros", new byte[200_000]).end();
        OciBuilder image = new OciBuilder().layer(bomb);
        Path layout = image.layout(directory.resolve("layout"), image.manifest(), "x");
        ImageException e = catchThrowableOfType(
                ImageException.class, () -> store.importFrom("a", layout, ImageConfig.DEFAULT, SMALL));
        assertThat(e.code()).isEqualTo(ImageException.Code.TOO_LARGE);
        assertNothingKept();
    }

    @Test
    void entriesOfAllLayersCountTogether() throws IOException {
        OciBuilder image = new OciBuilder();
        for (int i = 0; i < 21; i++) {
            image.layer(builder().file("f" + i, "").end());
        }
        Path layout = image.layout(directory.resolve("layout"), image.manifest(), "x");
        ImageException e = catchThrowableOfType(
                ImageException.class, () -> store.importFrom("a", layout, ImageConfig.DEFAULT, SMALL));
        assertThat(e.code()).isEqualTo(ImageException.Code.TOO_LARGE);
    }

    @Test
    void asManyLayersAsAreAllowedAreReadAndOneOverIsNot() throws IOException {
        byte[] layer = builder().file("a", "").end();
        byte[] packed = gzip(layer);
        for (int layers : List.of(OciJson.MAX_LAYERS, OciJson.MAX_LAYERS + 1)) {
            OciBuilder image = new OciBuilder();
            for (int i = 0; i < layers; i++) {
                image.layer(layer, packed, OciJson.OCI_LAYER + "+gzip");
            }
            Path layout = image.layout(directory.resolve("layout" + layers), image.manifest(), "x");
            if (layers == OciJson.MAX_LAYERS) {
                store.importFrom("a", layout, ImageConfig.DEFAULT);
            } else {
                assertThat(code("b", layout, ImageConfig.DEFAULT)).isEqualTo(ImageException.Code.REFUSED);
            }
        }
    }

    @Test
    void hostileLayersAreRefused() throws IOException {
        for (byte[] layer : List.of(
                builder().file("../canary", "owned").end(),
                builder().file("/../canary", "owned").end(),
                builder().hardLink("a", "/etc/passwd").end(),
                builder().header('4', "sda", "", 0, 0660).end(),
                builder()
                        .symlink("out", "../../../..")
                        .hardLink("a", "out/canary")
                        .end(),
                builder().symlink("loop", "loop").file("loop/a", "").end(),
                builder().file(".wh...", "").end(),
                builder().file(".wh.", "").end(),
                builder().file(".wh.a/b", "").end(),
                builder().file("x/../../canary/.wh.a", "").end())) {
            OciBuilder image =
                    new OciBuilder().layer(builder().directory("bin/").end()).layer(layer);
            refusal("a", image.archive(builder(), image.manifest(), "x"), ImageException.Code.REFUSED);
            assertNothingKept();
            assertThat(canary).hasContent("untouched");
        }
    }

    @Test
    void whiteoutsNeverReachOutOfTheImage() throws IOException {
        OciBuilder image = new OciBuilder()
                .layer(builder()
                        .directory("bin/")
                        .symlink("out", directory.toString())
                        .symlink("up", "../../../..")
                        .end())
                .layer(builder()
                        .file("out/.wh.canary", "")
                        .file("up/.wh.canary", "")
                        .file("out/.wh..wh..opq", "")
                        .end());
        store.importFrom("a", write(image.archive(builder(), image.manifest(), "x")), ImageConfig.DEFAULT);
        assertThat(canary).hasContent("untouched");
    }

    @Test
    void documentsThatMakeNoSenseAreRefused() throws IOException {
        OciBuilder good = image();
        String manifest = new String(good.blob(good.manifest()), StandardCharsets.UTF_8);
        for (String bad : List.of(
                "[]",
                "{}",
                "nonsense",
                manifest.replace("\"schemaVersion\":2", "\"schemaVersion\":1"),
                manifest.replace("\"size\":", "\"size\":-"),
                manifest.replace("\"size\":", "\"size\":99999999999999999999"),
                manifest.replace("sha256:", "sha512:"),
                manifest.replace("sha256:", "../../"),
                manifest.replace("\"layers\":[", "\"layers\":[[],"),
                manifest.replaceFirst("\"layers\":\\[.*", "\"layers\":[]}"),
                "{\"a\":".repeat(3_000))) {
            OciBuilder image = image();
            Digest digest = image.put(bad.getBytes(StandardCharsets.UTF_8));
            Path archive = write(image.archive(builder(), digest, "x"));
            assertThat(code("a", archive, ImageConfig.DEFAULT))
                    .as(bad.substring(0, Math.min(80, bad.length())))
                    .isIn(ImageException.Code.REFUSED, ImageException.Code.UNSUPPORTED);
            assertNothingKept();
        }
    }

    @Test
    void aConfigurationThatNoProcessCanHaveIsRefused() throws IOException {
        for (String bad : List.of(
                "{\"User\":\"a b\"}",
                "{\"Env\":[\"A=\\u0000\"]}",
                "{\"Cmd\":[\"\\u0000\"]}",
                "{\"WorkingDir\":\"/\\u0000\"}")) {
            OciBuilder image =
                    new OciBuilder().layer(builder().file("a", "").end()).config(bad);
            refusal("a", image.archive(builder(), image.manifest(), "x"), ImageException.Code.REFUSED);
        }
    }

    private OciBuilder image() {
        return new OciBuilder()
                .layer(builder().directory("bin/").file("bin/tool", "tool").end())
                .config(CONFIG);
    }

    private static byte[] config(byte[]... layers) {
        List<String> ids = java.util.Arrays.stream(layers)
                .map(l -> "\"" + Digest.of(l) + "\"")
                .toList();
        return ("{\"os\":\"linux\",\"config\":" + CONFIG + ",\"rootfs\":{\"diff_ids\":[" + String.join(",", ids)
                        + "]}}")
                .getBytes(StandardCharsets.UTF_8);
    }

    private static String manifestJson(String config, String tag, String... layers) {
        return "[{\"Config\":\"" + config + "\",\"RepoTags\":[\"" + tag + "\"],\"Layers\":[\""
                + String.join("\",\"", layers) + "\"]}]";
    }

    private ImageException refusal(String name, byte[] archive, ImageException.Code code) throws IOException {
        Path file = write(archive);
        ImageException e =
                catchThrowableOfType(ImageException.class, () -> store.importFrom(name, file, ImageConfig.DEFAULT));
        assertThat(e).isNotNull();
        assertThat(e.code()).as(e.getMessage()).isEqualTo(code);
        return e;
    }

    private ImageException.Code code(String name, Path source, ImageConfig config) {
        ImageException e = catchThrowableOfType(ImageException.class, () -> store.importFrom(name, source, config));
        assertThat(e).isNotNull();
        return e.code();
    }

    private void assertNothingKept() throws IOException {
        assertThat(store.list()).hasSize(1);
        assertThat(store.tags()).isEmpty();
        assertThat(list(store.directory())).containsExactlyInAnyOrder(".blobs", ".layers", ".lock", ".meta", ".tags");
        assertThat(list(store.directory().resolve(".layers"))).isEmpty();
        assertThat(list(store.directory().resolve(".blobs/sha256"))).isEmpty();
        assertThat(list(store.directory().resolve(".blobs/partial"))).isEmpty();
    }
}
