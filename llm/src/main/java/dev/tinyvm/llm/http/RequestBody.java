package dev.tinyvm.llm.http;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** A request's body without its framing. Asks a client that waits for leave to go on, when it is first read. */
final class RequestBody extends InputStream {
    private static final byte[] CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

    private final WireInput in;
    private final OutputStream out;
    private final boolean chunked;
    private boolean mustAsk;
    private long left;
    private boolean firstChunk = true;
    private boolean ended;

    RequestBody(WireInput in, OutputStream out, RequestHead head) {
        this.in = in;
        this.out = out;
        chunked = head.length() == RequestHead.CHUNKED;
        left = chunked ? 0 : head.length();
        ended = !chunked && left == 0;
        mustAsk = head.expectsContinue() && !ended;
    }

    boolean isEnded() {
        return ended;
    }

    /** Whether the client may not have begun to send: then the connection cannot go on without asking it to. */
    boolean isUnasked() {
        return mustAsk;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
        if (ended) {
            return -1;
        }
        if (length == 0) {
            return 0;
        }
        if (mustAsk) {
            mustAsk = false;
            out.write(CONTINUE);
            out.flush();
        }
        if (chunked && left == 0 && !nextChunk()) {
            return -1;
        }
        int size = in.read(into, offset, (int) Math.min(length, left));
        if (size <= 0) {
            throw new EOFException("the connection ended within the body");
        }
        left -= size;
        ended = !chunked && left == 0;
        return size;
    }

    private boolean nextChunk() throws IOException {
        if (!firstChunk && !in.line(2, 400).isEmpty()) {
            throw new HttpProblem(400, "a chunk is longer than it says");
        }
        firstChunk = false;
        String line = in.line(HttpLimits.CHUNK_LINE_BYTES, 400);
        int semicolon = line.indexOf(';');
        String size = (semicolon < 0 ? line : line.substring(0, semicolon)).stripTrailing();
        if (size.isEmpty()
                || size.length() > 8
                || !size.chars().allMatch(c -> Character.digit(c, 16) >= 0 && c < 0x7f)) {
            throw new HttpProblem(400, "a chunk's size is not a hexadecimal number");
        }
        left = Long.parseLong(size, 16);
        if (left > 0) {
            return true;
        }
        int most = HttpLimits.HEAD_BYTES;
        while (true) {
            String trailer = in.line(Math.max(most, 2), 431);
            most -= trailer.length() + 2;
            if (trailer.isEmpty()) {
                ended = true;
                return false;
            }
            if (most < 2) {
                throw new HttpProblem(431, "the trailers are larger than " + HttpLimits.HEAD_BYTES + " bytes");
            }
        }
    }
}
