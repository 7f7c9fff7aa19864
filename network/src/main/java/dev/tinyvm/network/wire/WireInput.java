package dev.tinyvm.network.wire;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** The reading half of a connection: lines and bytes out of one buffer. One thread at a time. */
public final class WireInput {
    private static final int BUFFER_BYTES = 16 << 10;

    private final InputStream in;
    private final HeadLimits head;
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private int position;
    private int limit;

    /** @param head of what is read here */
    public WireInput(InputStream in, HeadLimits head) {
        this.in = in;
        this.head = head;
    }

    /** What a head may have that is read here. */
    public HeadLimits head() {
        return head;
    }

    /** Waits until a byte is there. False at the end. */
    public boolean fill() throws IOException {
        if (position < limit) {
            return true;
        }
        int size = in.read(buffer, 0, buffer.length);
        if (size <= 0) {
            return false;
        }
        position = 0;
        limit = size;
        return true;
    }

    /** Up to so many bytes; −1 at the end. */
    public int read(byte[] into, int offset, int length) throws IOException {
        if (!fill()) {
            return -1;
        }
        int size = Math.min(length, limit - position);
        System.arraycopy(buffer, position, into, offset, size);
        position += size;
        return size;
    }

    /**
     * A line that ends with CR LF, without it, as ISO 8859-1.
     *
     * @param most bytes it may have
     * @param status of the refusal when it is longer
     */
    public String line(int most, int status) throws IOException {
        byte[] line = new byte[Math.min(most, 128)];
        int size = 0;
        while (true) {
            if (!fill()) {
                throw new EOFException("the connection ended within a line");
            }
            byte b = buffer[position++];
            if (b == '\n') {
                if (size == 0 || line[size - 1] != '\r') {
                    throw new HttpProblem(400, "a line ends without a carriage return");
                }
                return new String(line, 0, size - 1, StandardCharsets.ISO_8859_1);
            }
            if (size > 0 && line[size - 1] == '\r') {
                throw new HttpProblem(400, "a carriage return stands alone");
            }
            if (size == line.length) {
                if (size >= most) {
                    throw new HttpProblem(status, "a line is longer than " + most + " bytes");
                }
                line = Arrays.copyOf(line, Math.min(most, size * 2));
            }
            line[size++] = b;
        }
    }
}
