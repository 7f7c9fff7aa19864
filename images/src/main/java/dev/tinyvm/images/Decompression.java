package dev.tinyvm.images;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.GZIPInputStream;

/** Plain, gzip and zstd streams, told apart by their first bytes rather than by what somebody calls them. */
final class Decompression {
    private static final int BUFFER_BYTES = 1 << 17;
    /** Log 2 of the memory that a zstd stream may ask for: 128 MiB, what zstd itself allows without being asked. */
    private static final int MAX_ZSTD_WINDOW_LOG = 27;

    private Decompression() {}

    /**
     * Opens a stream; closing the result closes it.
     *
     * @param what for messages
     * @throws ImageException UNSUPPORTED for other compressions, with the program that undoes them
     */
    static InputStream of(InputStream raw, String what) throws IOException {
        InputStream in = new BufferedInputStream(raw, BUFFER_BYTES);
        in.mark(8);
        byte[] magic = in.readNBytes(6);
        in.reset();
        if (starts(magic, 0x1f, 0x8b)) {
            return new BufferedInputStream(new GZIPInputStream(in, 1 << 16), BUFFER_BYTES);
        }
        if (starts(magic, 0x28, 0xb5, 0x2f, 0xfd)) {
            return new BufferedInputStream(
                    new ZstdInputStreamNoFinalizer(in).setLongMax(MAX_ZSTD_WINDOW_LOG), BUFFER_BYTES);
        }
        String remedy = starts(magic, 0xfd, '7', 'z', 'X', 'Z')
                ? "xz -d"
                : starts(magic, 'B', 'Z', 'h') ? "bzip2 -d" : starts(magic, 'P', 'K') ? "unzip" : "";
        if (!remedy.isEmpty()) {
            throw new ImageException(
                    ImageException.Code.UNSUPPORTED,
                    what + " cannot be read: only plain, gzip and zstd archives are; unpack it first (" + remedy + ")");
        }
        return in;
    }

    private static boolean starts(byte[] bytes, int... magic) {
        for (int i = 0; i < magic.length; i++) {
            if (i >= bytes.length || (bytes[i] & 0xff) != magic[i]) {
                return false;
            }
        }
        return true;
    }
}
