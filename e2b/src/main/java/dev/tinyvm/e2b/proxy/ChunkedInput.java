package dev.tinyvm.e2b.proxy;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;

/** The body of an answer in chunks; trailers are passed over. Source: RFC 9112 section 7.1. */
final class ChunkedInput extends InputStream {
    private static final int MAX_LINE = 4096;
    private final InputStream in;
    private long left;
    private boolean first = true;
    private boolean ended;

    ChunkedInput(InputStream in) {
        this.in = in;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        if (left == 0 && !nextChunk()) {
            return -1;
        }
        int read = in.read(to, offset, (int) Math.min(left, length));
        if (read < 0) {
            throw new EOFException("the server on that port hung up in the middle of a chunk");
        }
        left -= read;
        return read;
    }

    private boolean nextChunk() throws IOException {
        if (ended) {
            return false;
        }
        int[] budget = {MAX_LINE};
        if (!first && !HttpHead.line(in, budget).isEmpty()) {
            throw new IOException("the server on that port sent a broken chunk");
        }
        first = false;
        String size = HttpHead.line(in, budget);
        int semicolon = size.indexOf(';');
        String hex = (semicolon < 0 ? size : size.substring(0, semicolon)).strip();
        if (!hex.matches("[0-9a-fA-F]{1,15}")) {
            throw new IOException("the server on that port sent a broken chunk size");
        }
        left = Long.parseLong(hex, 16);
        if (left > 0) {
            return true;
        }
        ended = true;
        int[] trailers = {HttpHead.MAX_BYTES};
        while (!HttpHead.line(in, trailers).isEmpty()) {
            // Trailers say nothing that a proxy must pass on.
        }
        return false;
    }
}
