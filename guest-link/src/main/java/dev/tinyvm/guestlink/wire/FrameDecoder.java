package dev.tinyvm.guestlink.wire;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Cuts a byte stream into frames. Bytes may come in pieces of any size; a frame that lies whole in the given buffer is handed over without
 * copying, an incomplete one is kept (at most one frame). Used by one thread. After an exception the stream is broken for good.
 */
public final class FrameDecoder {
    private static final byte[] NOTHING = new byte[0];
    private static final int FIRST_CAPACITY = 256;

    private byte[] partial = NOTHING;
    private int partialBytes;

    /**
     * Hands every whole frame to {@code sink}; consumes all of {@code in}.
     *
     * @param in big endian
     * @throws WireException a malformed header, or what {@code sink} throws
     */
    public void feed(ByteBuffer in, Sink sink) throws WireException {
        while (in.hasRemaining()) {
            if (partialBytes == 0 && in.remaining() >= WireLimits.HEADER_BYTES) {
                int start = in.position();
                int length = payloadLength(in.getInt(start), in.getShort(start + 6));
                if (in.remaining() >= WireLimits.HEADER_BYTES + length) {
                    byte type = in.get(start + 4);
                    byte flags = in.get(start + 5);
                    int stream = in.getInt(start + 8);
                    ByteBuffer payload = in.slice(start + WireLimits.HEADER_BYTES, length);
                    in.position(start + WireLimits.HEADER_BYTES + length);
                    sink.frame(type, flags, stream, payload);
                    continue;
                }
            }
            gather(in, sink);
        }
    }

    /** Whether no part of a frame is held. */
    public boolean isEmpty() {
        return partialBytes == 0;
    }

    private void gather(ByteBuffer in, Sink sink) throws WireException {
        if (partialBytes < WireLimits.HEADER_BYTES) {
            take(in, WireLimits.HEADER_BYTES);
        }
        if (partialBytes < WireLimits.HEADER_BYTES) {
            return;
        }
        ByteBuffer held = ByteBuffer.wrap(partial);
        int whole = WireLimits.HEADER_BYTES + payloadLength(held.getInt(0), held.getShort(6));
        take(in, whole);
        if (partialBytes == whole) {
            ByteBuffer frame = ByteBuffer.wrap(partial);
            partial = NOTHING;
            partialBytes = 0;
            sink.frame(
                    frame.get(4),
                    frame.get(5),
                    frame.getInt(8),
                    frame.slice(WireLimits.HEADER_BYTES, whole - WireLimits.HEADER_BYTES));
        }
    }

    /** Copies until so many bytes are held, or the input is empty. Memory grows with what came, not with what was promised. */
    private void take(ByteBuffer in, int wanted) {
        int count = Math.min(wanted - partialBytes, in.remaining());
        if (partial.length < partialBytes + count) {
            int capacity = Math.max(Math.max(FIRST_CAPACITY, partialBytes + count), 2 * partial.length);
            partial =
                    Arrays.copyOf(partial, Math.min(capacity, WireLimits.HEADER_BYTES + WireLimits.MAX_PAYLOAD_BYTES));
        }
        in.get(partial, partialBytes, count);
        partialBytes += count;
    }

    private static int payloadLength(int length, short reserved) throws WireException {
        if (length < 0 || length > WireLimits.MAX_PAYLOAD_BYTES) {
            throw new WireException("a frame claims " + Integer.toUnsignedString(length)
                    + " payload bytes, allowed are " + WireLimits.MAX_PAYLOAD_BYTES);
        }
        if (reserved != 0) {
            throw new WireException("a frame's reserved bytes are not 0");
        }
        return length;
    }

    /** Takes frames. */
    public interface Sink {
        /**
         * One frame.
         *
         * @param payload valid during the call only
         */
        void frame(byte type, byte flags, int stream, ByteBuffer payload) throws WireException;
    }
}
