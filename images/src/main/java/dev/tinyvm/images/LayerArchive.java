package dev.tinyvm.images;

import com.github.luben.zstd.ZstdIOException;
import dev.tinyvm.images.registry.Digest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.List;
import java.util.zip.ZipException;

/** A layer's blob, read as the archive that it is and checked against what the image's configuration says. */
final class LayerArchive {
    private static final long AHEAD_FROM_BYTES = 1 << 20;

    private final BlobStore blobs;
    private final Descriptor layer;
    private final Digest diffId;
    private final String what;

    /** @param where for messages, such as `alpine:3.20` */
    LayerArchive(BlobStore blobs, Descriptor layer, Digest diffId, String where) {
        this.blobs = blobs;
        this.layer = layer;
        this.diffId = diffId;
        this.what = "the layer " + layer.digest().abbreviated() + " of " + where;
    }

    /**
     * Gives all entries to a sink.
     *
     * @param bytes it may have uncompressed
     * @param leftOut gets the names that were not taken
     * @return how many bytes of those that it may have are left
     */
    long read(TarSink sink, long bytes, List<String> leftOut) throws IOException, Posix.Failure {
        if (!layer.mediaType().contains("tar") || layer.mediaType().contains("encrypted")) {
            throw new ImageException(
                    ImageException.Code.UNSUPPORTED,
                    what + " cannot be read: it is " + EntryName.shown(layer.mediaType()) + ", no tar archive");
        }
        MessageDigest hash = Digest.sha256();
        try (InputStream raw = Files.newInputStream(blobs.path(layer.digest()));
                InputStream plain = ahead(new DigestInputStream(Decompression.of(raw, what), hash))) {
            BoundedStream bounded = new BoundedStream(plain, bytes);
            leftOut.addAll(TarReader.read(bounded, sink));
            if (!Digest.of(hash).equals(diffId)) {
                throw new ImageException(
                        ImageException.Code.DIGEST_MISMATCH,
                        what + " is refused: uncompressed it is not what the image's configuration says");
            }
            return bounded.left();
        } catch (ZipException | ZstdIOException | java.io.EOFException e) {
            requireIntact();
            throw Import.damaged(what, e);
        } catch (ImageException e) {
            requireIntact();
            throw e;
        }
    }

    /** A thread for what is worth one. */
    private InputStream ahead(InputStream plain) {
        return layer.size() < AHEAD_FROM_BYTES ? plain : new ReadAhead(plain);
    }

    /** Tells a hostile image from a disk that lost something. */
    private void requireIntact() throws IOException {
        if (!blobs.isIntact(layer.digest())) {
            throw blobs.damaged(layer.digest());
        }
    }
}
