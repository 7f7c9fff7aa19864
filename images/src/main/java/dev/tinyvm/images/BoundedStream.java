package dev.tinyvm.images;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/** Ends an archive bomb: what comes out of the decompressor is counted, also where nothing is stored of it. */
final class BoundedStream extends FilterInputStream {
    private long left;

    BoundedStream(InputStream in, long maxBytes) {
        super(in);
        this.left = maxBytes;
    }

    /** What may come still, in bytes. */
    long left() {
        return left;
    }

    @Override
    public int read() throws IOException {
        int read = super.read();
        count(read < 0 ? 0 : 1);
        return read;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
        int read = super.read(bytes, offset, length);
        count(Math.max(0, read));
        return read;
    }

    @Override
    public long skip(long n) throws IOException {
        // Skipped bytes belong to the digest, so they are read.
        byte[] scratch = new byte[(int) Math.min(8_192, Math.max(0, n))];
        int read = read(scratch, 0, scratch.length);
        return Math.max(0, read);
    }

    @Override
    public boolean markSupported() {
        return false;
    }

    private void count(int read) {
        left -= read;
        if (left < 0) {
            throw new ImageException(
                    ImageException.Code.TOO_LARGE,
                    "the archive is refused: it unpacks to more than the limits of an image allow");
        }
    }
}
