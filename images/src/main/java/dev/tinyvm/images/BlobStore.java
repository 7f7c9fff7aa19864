package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;

/**
 * Content by its SHA-256: {@code sha256/HEX}, complete and checked; {@code partial/HEX}, the beginning of a transfer. Closed to all but its
 * owner, since layers may hold what a Tiny VM's neighbours must not read. Changed only with the store's lock held.
 */
final class BlobStore {
    private final Path directory;

    BlobStore(Path directory) {
        this.directory = directory;
    }

    /** Makes the directories. */
    void prepare() throws IOException {
        if (Files.notExists(directory)) {
            Files.createDirectory(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
        Files.createDirectories(complete());
        Files.createDirectories(partials());
    }

    boolean has(Digest digest) {
        return Files.isRegularFile(path(digest), LinkOption.NOFOLLOW_LINKS);
    }

    Path path(Digest digest) {
        return complete().resolve(digest.hex());
    }

    /** Where a transfer writes. */
    Path partial(Digest digest) {
        return partials().resolve(digest.hex());
    }

    /** Takes a partial blob whose content was checked. */
    void complete(Digest digest) throws IOException {
        DurableFile.sync(partial(digest));
        DurableFile.move(partial(digest), path(digest));
    }

    Digest put(byte[] bytes) throws IOException {
        Digest digest = Digest.of(bytes);
        if (!has(digest)) {
            Files.write(partial(digest), bytes);
            complete(digest);
        }
        return digest;
    }

    /**
     * Takes exactly {@code size} bytes of a stream, whatever their digest is.
     *
     * @throws java.io.EOFException when there are fewer
     */
    Digest put(InputStream in, long size) throws IOException {
        Path incoming = Files.createTempFile(partials(), "incoming-", "");
        try {
            MessageDigest hash = Digest.sha256();
            try (OutputStream out = new DigestOutputStream(Files.newOutputStream(incoming), hash)) {
                byte[] buffer = new byte[1 << 17];
                for (long left = size; left > 0; ) {
                    int read = in.readNBytes(buffer, 0, (int) Math.min(left, buffer.length));
                    if (read == 0) {
                        throw new java.io.EOFException("it ends " + left + " bytes early");
                    }
                    out.write(buffer, 0, read);
                    left -= read;
                }
            }
            Digest digest = Digest.of(hash);
            if (!has(digest)) {
                DurableFile.sync(incoming);
                DurableFile.move(incoming, path(digest));
            }
            return digest;
        } finally {
            Files.deleteIfExists(incoming);
        }
    }

    /** A small blob, checked again. */
    byte[] read(Digest digest, int maxBytes) throws IOException {
        byte[] bytes;
        try (InputStream in = Files.newInputStream(path(digest))) {
            bytes = in.readNBytes(maxBytes + 1);
        } catch (NoSuchFileException e) {
            throw new ImageException(
                    ImageException.Code.NOT_FOUND,
                    "the blob " + digest + " is missing; pull or import the image again",
                    e);
        }
        if (!Digest.of(bytes).equals(digest)) {
            throw damaged(digest);
        }
        return bytes;
    }

    /** Whether a blob on disk is what it was. */
    boolean isIntact(Digest digest) throws IOException {
        MessageDigest hash = Digest.sha256();
        try (InputStream in = Files.newInputStream(path(digest));
                OutputStream out = new DigestOutputStream(OutputStream.nullOutputStream(), hash)) {
            in.transferTo(out);
        }
        return Digest.of(hash).equals(digest);
    }

    /** Throws a damaged blob away, so that it is transferred again. */
    ImageException damaged(Digest digest) throws IOException {
        Files.deleteIfExists(path(digest));
        return new ImageException(
                ImageException.Code.DIGEST_MISMATCH,
                "the stored blob " + digest + " was damaged on disk and is removed; pull or import the image again");
    }

    List<Digest> all() throws IOException {
        List<Digest> all = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(complete())) {
            for (Path file : files) {
                Digest.parse("sha256:" + file.getFileName()).ifPresent(all::add);
            }
        } catch (NoSuchFileException e) {
            return List.of();
        }
        return all;
    }

    /** @return bytes that were freed */
    long remove(Digest digest) throws IOException {
        return remove(path(digest));
    }

    /**
     * Removes what transfers left.
     *
     * @return bytes that were freed
     */
    long removePartials() throws IOException {
        long freed = 0;
        try (DirectoryStream<Path> files = Files.newDirectoryStream(partials())) {
            for (Path file : files) {
                freed += remove(file);
            }
        } catch (NoSuchFileException e) {
            return 0;
        }
        return freed;
    }

    private static long remove(Path file) throws IOException {
        try {
            long size = Files.size(file);
            Files.delete(file);
            return size;
        } catch (NoSuchFileException e) {
            return 0;
        }
    }

    private Path complete() {
        return directory.resolve("sha256");
    }

    private Path partials() {
        return directory.resolve("partial");
    }
}
