package dev.tinyvm.images;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/** One import: into a directory of its own, then renamed, then its record. */
final class Import {
    private final Path store;
    private final String name;
    private final Path source;
    private final ImageConfig config;
    private final ImportLimits limits;

    Import(Path store, String name, Path source, ImageConfig config, ImportLimits limits) {
        this.store = store;
        this.name = name;
        this.source = source;
        this.config = config;
        this.limits = limits;
    }

    /** With the store's lock held. */
    ImportResult run(Path metadata) {
        Path temporary = store.resolve(".import-" + name);
        boolean done = false;
        try {
            Path real = source.toRealPath();
            if (Files.isDirectory(real)
                    && (real.getParent() == null || store.toRealPath().startsWith(real))) {
                throw new ImageException(
                        ImageException.Code.REFUSED,
                        "`" + source
                                + "` cannot be imported: the images themselves lie in it; for this machine's own programs use the image `host`");
            }
            Files.createDirectory(
                    temporary, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            Files.createDirectory(temporary.resolve("rootfs"));
            MessageDigest digest = HostImage.sha256();
            int root = Posix.openat(
                    Posix.AT_FDCWD, bytes(temporary.resolve("rootfs")), Posix.O_RDONLY | Posix.O_DIRECTORY, 0);
            List<String> leftOut;
            long size;
            try (RootfsWriter writer = new RootfsWriter(root, limits)) {
                leftOut = Files.isDirectory(real) ? directory(real, writer, digest) : archive(real, writer, digest);
                writer.finish();
                size = writer.bytes();
                requireRootfs(root);
                Posix.syncfs(root);
            } finally {
                Posix.close(root);
            }
            Image image = new Image(
                    name,
                    "sha256:" + HexFormat.of().formatHex(digest.digest()),
                    size,
                    Instant.now().truncatedTo(ChronoUnit.MILLIS),
                    config.defaultUser(),
                    config.env(),
                    config.workingDir(),
                    config.command());
            Files.move(temporary, store.resolve(name), StandardCopyOption.ATOMIC_MOVE);
            // Before the record, so that no crash leaves a record without its files.
            try (FileChannel directory = FileChannel.open(store, StandardOpenOption.READ)) {
                directory.force(true);
            }
            Metadata.write(metadata, image);
            done = true;
            return new ImportResult(
                    image,
                    leftOut.stream()
                            .map(path -> new String(path.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8))
                            .toList());
        } catch (Posix.Failure e) {
            throw failure("`" + source + "` could not be imported", e);
        } catch (java.nio.file.AccessDeniedException e) {
            throw new ImageException(
                    ImageException.Code.PERMISSION,
                    "`" + source + "` could not be imported: no permission for " + e.getFile()
                            + "; try again with sudo",
                    e);
        } catch (IOException e) {
            throw new ImageException(
                    ImageException.Code.IO, "`" + source + "` could not be imported: " + e.getMessage(), e);
        } finally {
            if (!done) {
                removeTraces(temporary);
            }
        }
    }

    private static List<String> directory(Path real, RootfsWriter writer, MessageDigest digest)
            throws IOException, Posix.Failure {
        int tree = Posix.openat(Posix.AT_FDCWD, bytes(real), Posix.O_RDONLY | Posix.O_DIRECTORY, 0);
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
        try (InputStream file = new BufferedInputStream(Files.newInputStream(real), 1 << 17)) {
            file.mark(8);
            byte[] magic = file.readNBytes(6);
            file.reset();
            InputStream plain = file;
            if (starts(magic, 0x1f, 0x8b)) {
                plain = new BufferedInputStream(new GZIPInputStream(file, 1 << 16), 1 << 17);
            } else {
                refuseOther(magic);
            }
            // Headers and padding are part of the bound, so it gets room for three blocks an entry.
            long most = limits.maxBytes() + Math.multiplyExact(3L * 512, limits.maxEntries());
            return TarReader.read(new BoundedStream(new DigestInputStream(plain, digest), most), writer);
        } catch (ZipException | java.io.EOFException e) {
            throw new ImageException(
                    ImageException.Code.REFUSED,
                    "`" + source + "` cannot be imported: its gzip compression is damaged (" + e.getMessage() + ")",
                    e);
        }
    }

    private void refuseOther(byte[] magic) {
        String format = starts(magic, 0x28, 0xb5, 0x2f, 0xfd)
                ? "zstd -d"
                : starts(magic, 0xfd, '7', 'z', 'X', 'Z')
                        ? "xz -d"
                        : starts(magic, 'B', 'Z', 'h') ? "bzip2 -d" : starts(magic, 'P', 'K') ? "unzip" : "";
        if (!format.isEmpty()) {
            throw new ImageException(
                    ImageException.Code.UNSUPPORTED,
                    "`" + source + "` cannot be imported: only plain and gzip archives are read; unpack it first: "
                            + format + " " + source);
        }
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

    private void removeTraces(Path temporary) {
        try {
            DeleteTree.delete(Posix.AT_FDCWD, bytes(temporary));
            if (!ImageStore.exists(store, name)) {
                DeleteTree.delete(Posix.AT_FDCWD, bytes(store.resolve(name)));
            }
        } catch (Posix.Failure e) {
            // The reason of the failed import matters more; the next import removes what is left.
            org.slf4j.LoggerFactory.getLogger(Import.class)
                    .warn("leftovers of a failed import stay in {}: {}", temporary, e.getMessage());
        }
    }

    /** What a system call's failure means to a person. */
    static ImageException failure(String attempted, Posix.Failure failure) {
        return switch (failure.errno()) {
            case Posix.EPERM, Posix.EACCES ->
                new ImageException(
                        ImageException.Code.PERMISSION,
                        attempted + ": only root can give files their owners and rights; try again with sudo",
                        failure);
            case 28, 122 -> new ImageException(ImageException.Code.IO, attempted + ": the disk is full", failure);
            case 38 ->
                new ImageException(
                        ImageException.Code.IO,
                        attempted + ": this kernel has no openat2; Linux 5.6 or newer is needed",
                        failure);
            case Posix.ENOTSUP ->
                new ImageException(
                        ImageException.Code.IO,
                        attempted + ": the file system of the images cannot store extended attributes",
                        failure);
            default -> new ImageException(ImageException.Code.IO, attempted + ": " + failure.getMessage(), failure);
        };
    }

    private static boolean starts(byte[] bytes, int... magic) {
        for (int i = 0; i < magic.length; i++) {
            if (i >= bytes.length || (bytes[i] & 0xff) != magic[i]) {
                return false;
            }
        }
        return true;
    }

    private static String bytes(Path path) {
        return new String(path.toString().getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    }
}
