package dev.tinyvm.llm.http;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** The reading half of a connection: lines and bytes out of one buffer. One thread at a time. */
final class WireInput {
    private final InputStream in;
    private final byte[] buffer;
    private int position;
    private int limit;

    /** @param bufferBytes of lines and small parts; what is asked for at once beyond it bypasses the buffer */
    WireInput(InputStream in, int bufferBytes) {
        this.in = in;
        buffer = new byte[bufferBytes];
    }

    boolean hasBuffered() {
        return position < limit;
    }

    int buffered() {
        return limit - position;
    }

    /** Waits until a byte is there. False at the end. */
    boolean fill() throws IOException {
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

    int read() throws IOException {
        return fill() ? buffer[position++] & 0xff : -1;
    }

    int read(byte[] into, int offset, int length) throws IOException {
        if (position == limit && length >= buffer.length) {
            return in.read(into, offset, length);
        }
        if (!fill()) {
            return -1;
        }
        int size = Math.min(length, limit - position);
        System.arraycopy(buffer, position, into, offset, size);
        position += size;
        return size;
    }

    /**
     * A line that ends with CR LF, without it.
     *
     * @param most bytes it may have
     * @param status of the refusal when it is longer
     */
    String line(int most, int status) throws IOException {
        byte[] line = new byte[Math.min(most, 128)];
        int size = 0;
        while (true) {
            int b = read();
            if (b < 0) {
                throw new EOFException("the connection ended within a line");
            }
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
                line = java.util.Arrays.copyOf(line, Math.min(most, size * 2));
            }
            line[size++] = (byte) b;
        }
    }
}
