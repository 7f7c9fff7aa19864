package dev.tinyvm.engine;

import java.io.ByteArrayOutputStream;
import java.util.function.Consumer;

/** Collects a file's bytes and hands them over when it is closed. */
final class FakeWriteStream extends GuestFiles.WriteStream {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final Consumer<byte[]> whole;
    private boolean over;

    FakeWriteStream(Consumer<byte[]> whole) {
        this.whole = whole;
    }

    @Override
    public void write(int b) {
        bytes.write(b);
    }

    @Override
    public void write(byte[] b, int offset, int length) {
        bytes.write(b, offset, length);
    }

    @Override
    public void close() {
        if (!over) {
            over = true;
            whole.accept(bytes.toByteArray());
        }
    }

    @Override
    public void abort() {
        over = true;
    }
}
