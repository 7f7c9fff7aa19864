package dev.tinyvm.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A store, a file beside it that nothing may touch, and archives whose entries belong to whoever runs the tests, so that no root is needed. */
abstract class ArchiveFixture {
    static final ImportLimits SMALL = new ImportLimits(20, 10_000);

    @TempDir
    Path directory = Path.of("unset");

    ImageStore store = new ImageStore(Path.of("unset"));
    Path canary = Path.of("unset");

    @BeforeEach
    void prepare() throws IOException {
        store = new ImageStore(directory.resolve("images"), ImageFormat.DIRECTORY);
        canary = Files.writeString(directory.resolve("canary"), "untouched");
    }

    ImageException refuse(byte[] archive, ImageException.Code code) throws IOException {
        Path file = write(archive);
        ImageException refusal = catchThrowableOfType(
                ImageException.class, () -> store.importFrom("a", file, ImageConfig.DEFAULT, SMALL));
        assertThat(refusal).isNotNull();
        assertThat(refusal.code()).as(refusal.getMessage()).isEqualTo(code);
        assertNoTrace();
        return refusal;
    }

    void assertNoTrace() throws IOException {
        assertThat(list(store.directory())).containsExactlyInAnyOrder(".lock", ".meta");
        assertThat(list(store.directory().resolve(".meta"))).isEmpty();
        assertThat(list(directory))
                .allMatch(name -> List.of("images", "canary", "archive").contains(name));
        assertThat(canary).hasContent("untouched");
        assertThat(Path.of("/tmp/canary-of-tinyvm")).doesNotExist();
    }

    Path write(byte[] bytes) throws IOException {
        return Files.write(directory.resolve("archive"), bytes);
    }

    TarBuilder builder() {
        try {
            return new TarBuilder((Integer) Files.getAttribute(directory, "unix:uid"), (Integer)
                    Files.getAttribute(directory, "unix:gid"));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** An image's files as a Tiny VM sees them: shared layers are stacked by overlayfs itself. */
    Path files(Image image) throws IOException {
        if (image.layers().isEmpty()) {
            return store.directory().resolve(image.name()).resolve("rootfs");
        }
        List<String> lowers = image.layers().reversed().stream()
                .map(layer -> store.directory()
                        .resolve(".layers")
                        .resolve(layer.substring("sha256:".length()))
                        .resolve("rootfs")
                        .toString())
                .toList();
        if (lowers.size() == 1) {
            return Path.of(lowers.getFirst());
        }
        assumeTrue(
                Files.isWritable(Path.of("/proc/sys/kernel/hostname")),
                "only root can mount an overlay over the layers");
        Path merged = Files.createTempDirectory(directory, "merged");
        Path point = Files.createTempDirectory(directory, "point");
        Process process = new ProcessBuilder(
                        "unshare",
                        "-m",
                        "sh",
                        "-ec",
                        "mount -t overlay -o \"lowerdir=$1\" x \"$2\"; cp -a \"$2/.\" \"$3\"",
                        "sh",
                        String.join(":", lowers),
                        point.toString(),
                        merged.toString())
                .inheritIO()
                .start();
        try {
            assertThat(process.waitFor()).isZero();
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
        return merged;
    }

    static byte[] gzip(byte[] bytes) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write(bytes);
        }
        return out.toByteArray();
    }

    static int mode(Path file) throws IOException {
        return (Integer) Files.getAttribute(file, "unix:mode", LinkOption.NOFOLLOW_LINKS) & 07777;
    }

    /** Names as bytes, which Java's own API cannot give in every locale. */
    static List<String> list(Path path) throws IOException {
        try {
            int opened = Posix.openat(Posix.AT_FDCWD, path.toString(), Posix.O_RDONLY | Posix.O_DIRECTORY, 0);
            try {
                return Posix.names(opened);
            } finally {
                Posix.close(opened);
            }
        } catch (Posix.Failure e) {
            throw new IOException(path + ": " + e.getMessage(), e);
        }
    }
}
