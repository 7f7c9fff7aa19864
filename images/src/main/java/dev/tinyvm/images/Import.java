package dev.tinyvm.images;

import com.github.luben.zstd.ZstdIOException;
import dev.tinyvm.images.registry.Digest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.zip.ZipException;

/** One import of a root file system, from a directory or a tar archive. */
final class Import {
    private final StorePaths paths;
    private final String name;
    private final Path source;
    private final ImageConfig config;
    private final ImportLimits limits;
    private final ImageFormat format;

    Import(StorePaths paths, String name, Path source, ImageConfig config, ImportLimits limits, ImageFormat format) {
        this.paths = paths;
        this.name = name;
        this.source = source;
        this.config = config;
        this.limits = limits;
        this.format = format;
    }

    /** With the store's lock held. */
    ImportResult run() {
        List<String> leftOut = new java.util.ArrayList<>();
        Image image = new Installation(
                        paths.directory(), name, paths.record(name), format, "`" + source + "` could not be imported")
                .run(root -> fill(root, leftOut), made -> Metadata.write(paths.record(name), made));
        return new ImportResult(image, leftOut);
    }

    private Image fill(int root, List<String> leftOut) throws IOException, Posix.Failure {
        Path real = source.toRealPath();
        if (Files.isDirectory(real)
                && (real.getParent() == null || paths.directory().toRealPath().startsWith(real))) {
            throw new ImageException(
                    ImageException.Code.REFUSED,
                    "`" + source
                            + "` cannot be imported: the images themselves lie in it; for this machine's own programs use the image `host`");
        }
        MessageDigest digest = Digest.sha256();
        try (RootfsWriter writer = new RootfsWriter(root, limits)) {
            leftOut.addAll(
                    decoded(Files.isDirectory(real) ? directory(real, writer, digest) : archive(real, writer, digest)));
            writer.finish();
            requireRootfs(root);
            return new Image(
                    name,
                    Digest.of(digest).toString(),
                    writer.bytes(),
                    Instant.now().truncatedTo(ChronoUnit.MILLIS),
                    config.defaultUser(),
                    config.env(),
                    config.workingDir(),
                    config.command(),
                    config.entrypoint(),
                    List.of(),
                    List.of(),
                    List.of());
        }
    }

    /** For people. */
    static List<String> decoded(List<String> names) {
        return names.stream()
                .map(path -> new String(path.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8))
                .toList();
    }

    private static List<String> directory(Path real, RootfsWriter writer, MessageDigest digest)
            throws IOException, Posix.Failure {
        int tree = Posix.openat(Posix.AT_FDCWD, StorePaths.bytes(real), Posix.O_RDONLY | Posix.O_DIRECTORY, 0);
        try {
            return TreeReader.read(tree, writer, digest);
        } finally {
            Posix.close(tree);
        }
    }

    private List<String> archive(Path real, RootfsWriter writer, MessageDigest digest)
            throws IOException, Posix.Failure {
        if (!Files.isRegularFile(real)) {
            throw new ImageException(
                    ImageException.Code.UNSUPPORTED,
                    "`" + source + "` cannot be imported: it is neither a directory nor a file");
        }
        try (InputStream plain = Decompression.of(Files.newInputStream(real), "`" + source + "`")) {
            // Headers and padding are part of the bound, so it gets room for three blocks an entry.
            long most = limits.maxBytes() + Math.multiplyExact(3L * 512, limits.maxEntries());
            return TarReader.read(new BoundedStream(new DigestInputStream(plain, digest), most), writer);
        } catch (ZipException | ZstdIOException | java.io.EOFException e) {
            throw damaged("`" + source + "`", e);
        }
    }

    /** A compressed stream that cannot be undone. */
    static ImageException damaged(String what, IOException e) {
        return new ImageException(
                ImageException.Code.REFUSED,
                what + " is refused: its compression is damaged (" + e.getMessage() + ")",
                e);
    }

    /** A root file system without a shell's directory is a mistake that is cheaper to say now. */
    private void requireRootfs(int root) throws Posix.Failure {
        List<String> names = Posix.names(root);
        if (!names.contains("bin") && !names.contains("usr")) {
            throw new ImageException(
                    ImageException.Code.REFUSED,
                    "`" + source + "` cannot be imported: it has neither /bin nor /usr, so it is no root file system"
                            + (names.size() == 1
                                    ? "; is the root file system in its directory " + EntryName.shown(names.getFirst())
                                            + "?"
                                    : ""));
        }
    }
}
