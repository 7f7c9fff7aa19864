package dev.tinyvm.network.wire;

import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Copies a body from one connection to another: its framing is read strictly and written anew, so that nothing can hide between two readings of it. Bytes go on as they
 * arrive. Trailers and chunk extensions are dropped.
 */
public final class Body {
    private static final int BUFFER_BYTES = 16 << 10;
    private static final int CHUNK_LINE_BYTES = 256;
    private static final byte[] LAST_CHUNK = "0\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

    private Body() {}

    /**
     * @param chunked whether it is written in chunks; otherwise as plain bytes
     * @throws HttpProblem malformed
     * @throws EOFException it ended too soon
     */
    public static void copy(WireInput in, Framing framing, OutputStream out, boolean chunked) throws IOException {
        switch (framing.kind()) {
            case NONE -> {}
            case LENGTH -> bytes(in, framing.length(), out, chunked);
            case CHUNKED -> chunks(in, out, chunked);
            case UNTIL_CLOSE -> rest(in, out, chunked);
        }
        if (chunked && framing.kind() != Framing.Kind.NONE) {
            out.write(LAST_CHUNK);
        }
        out.flush();
    }

    private static void bytes(WireInput in, long length, OutputStream out, boolean chunked) throws IOException {
        byte[] buffer = new byte[(int) Math.min(BUFFER_BYTES, length)];
        long left = length;
        while (left > 0) {
            int size = in.read(buffer, 0, (int) Math.min(buffer.length, left));
            if (size < 0) {
                throw new EOFException("the body ended " + left + " bytes too soon");
            }
            left -= size;
            part(buffer, size, out, chunked);
        }
    }

    private static void chunks(WireInput in, OutputStream out, boolean chunked) throws IOException {
        while (true) {
            long size = chunkSize(in.line(CHUNK_LINE_BYTES, 400));
            if (size == 0) {
                Fields _ = Fields.read(in, in.head().bytes());
                return;
            }
            bytes(in, size, out, chunked);
            if (!in.line(2, 400).isEmpty()) {
                throw new HttpProblem(400, "a chunk does not end where it says");
            }
        }
    }

    private static long chunkSize(String line) throws HttpProblem {
        int end = line.indexOf(';');
        String size = (end < 0 ? line : line.substring(0, end)).strip();
        if (!size.matches("[0-9A-Fa-f]{1,15}")) {
            throw new HttpProblem(400, "a chunk's size is no hexadecimal number");
        }
        return Long.parseLong(size, 16);
    }

    private static void rest(WireInput in, OutputStream out, boolean chunked) throws IOException {
        byte[] buffer = new byte[BUFFER_BYTES];
        for (int size = in.read(buffer, 0, buffer.length); size >= 0; size = in.read(buffer, 0, buffer.length)) {
            part(buffer, size, out, chunked);
        }
    }

    private static void part(byte[] bytes, int size, OutputStream out, boolean chunked) throws IOException {
        if (chunked) {
            byte[] head = (Integer.toHexString(size) + "\r\n").getBytes(StandardCharsets.US_ASCII);
            byte[] whole = new byte[head.length + size + 2];
            System.arraycopy(head, 0, whole, 0, head.length);
            System.arraycopy(bytes, 0, whole, head.length, size);
            whole[head.length + size] = '\r';
            whole[head.length + size + 1] = '\n';
            out.write(whole);
        } else {
            out.write(bytes, 0, size);
        }
        out.flush();
    }
}
