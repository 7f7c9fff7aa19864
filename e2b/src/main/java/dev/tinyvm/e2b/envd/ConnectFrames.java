package dev.tinyvm.e2b.envd;

import dev.tinyvm.server.http.JsonBody;
import dev.tinyvm.server.http.JsonRequest;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;

/**
 * Envelopes of the Connect protocol's streams: one byte of flags, the length as four bytes big-endian, the message. Flag 1: compressed (refused), flag 2: the last one.
 * Source: connectrpc.com/docs/protocol, section Streaming-Request.
 */
final class ConnectFrames {
    static final int COMPRESSED = 1;
    static final int END = 2;

    /** No request of envd's is as large as this. */
    static final int MAX_MESSAGE_BYTES = 4 << 20;

    private ConnectFrames() {}

    /** An envelope with this message in it. */
    static byte[] frame(int flags, byte[] message) {
        byte[] frame = new byte[5 + message.length];
        frame[0] = (byte) flags;
        frame[1] = (byte) (message.length >>> 24);
        frame[2] = (byte) (message.length >>> 16);
        frame[3] = (byte) (message.length >>> 8);
        frame[4] = (byte) message.length;
        System.arraycopy(message, 0, frame, 5, message.length);
        return frame;
    }

    /** The last envelope of a stream that went well. */
    static byte[] end() {
        return frame(END, new byte[] {'{', '}'});
    }

    /** The last envelope of a stream that failed. */
    static byte[] end(ConnectError error) {
        JsonBody body = g -> {
            g.writeStartObject();
            g.writeName("error");
            error.write(g);
            g.writeEndObject();
        };
        return frame(END, body.bytes());
    }

    /**
     * The next message of a request stream; empty at its end.
     *
     * @throws ConnectError {@code invalid_argument} for a broken envelope
     */
    static Optional<JsonRequest> read(InputStream in) throws IOException {
        int flags = in.read();
        if (flags < 0) {
            return Optional.empty();
        }
        if ((flags & COMPRESSED) != 0) {
            throw new ConnectError(ConnectError.Code.UNIMPLEMENTED, "compressed messages are not supported");
        }
        try {
            DataInputStream data = new DataInputStream(in);
            int length = data.readInt();
            if (length < 0 || length > MAX_MESSAGE_BYTES) {
                throw ConnectError.invalid("a message must have at most " + (MAX_MESSAGE_BYTES >> 20) + " MiB");
            }
            byte[] message = new byte[length];
            data.readFully(message);
            if ((flags & END) != 0) {
                return Optional.empty();
            }
            return Optional.of(JsonRequest.parse(message));
        } catch (EOFException e) {
            throw ConnectError.invalid("the request ends in the middle of a message");
        }
    }
}
