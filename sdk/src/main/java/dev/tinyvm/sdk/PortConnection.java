package dev.tinyvm.sdk;

import dev.tinyvm.sdk.FrameSocket.Binary;
import dev.tinyvm.sdk.FrameSocket.Broken;
import dev.tinyvm.sdk.FrameSocket.Closed;
import dev.tinyvm.sdk.FrameSocket.Frame;
import dev.tinyvm.sdk.FrameSocket.Text;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Objects;

/** One TCP connection to a port on a VM's own loopback. Closing the output half-closes it; closing this ends both ways. */
public final class PortConnection implements AutoCloseable {
    private static final int CHUNK_BYTES = 32 << 10;
    private final FrameSocket socket;
    private final Input input = new Input();
    private final Output output = new Output();

    PortConnection(FrameSocket socket) {
        this.socket = socket;
    }

    public InputStream input() {
        return input;
    }

    public OutputStream output() {
        return output;
    }

    @Override
    public void close() {
        socket.close();
    }

    private final class Input extends InputStream {
        private ByteBuffer chunk = ByteBuffer.allocate(0);
        private boolean ended;

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, bytes.length);
            if (length == 0) {
                return 0;
            }
            while (!chunk.hasRemaining()) {
                if (ended) {
                    return -1;
                }
                fill();
            }
            int size = Math.min(length, chunk.remaining());
            chunk.get(bytes, offset, size);
            return size;
        }

        @Override
        public int available() {
            return chunk.remaining();
        }

        @Override
        public void close() {
            PortConnection.this.close();
        }

        private void fill() throws IOException {
            Frame frame;
            try {
                frame = socket.take();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted while reading from the VM's port");
            }
            switch (frame) {
                case Binary(byte[] bytes) -> chunk = ByteBuffer.wrap(bytes);
                case Text(String text) -> {
                    if (Decoding.text(Transport.parse(text), "type").equals("end")) {
                        ended = true;
                    }
                }
                // Only the word `end` is an end: a connection that just stops was cut.
                case Closed(int code, String reason) ->
                    throw new IOException("the connection to the VM's port was closed (" + code + " " + reason + ")");
                case Broken(TinyVmConnectionException cause) -> throw new IOException(cause.getMessage(), cause);
            }
        }
    }

    private final class Output extends OutputStream {
        private boolean ended;

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            if (ended) {
                throw new IOException("this direction has been closed");
            }
            try {
                for (int at = 0; at < length; at += CHUNK_BYTES) {
                    socket.sendBinary(ByteBuffer.wrap(bytes, offset + at, Math.min(CHUNK_BYTES, length - at)));
                }
            } catch (TinyVmConnectionException e) {
                throw new IOException(e.getMessage(), e);
            }
        }

        @Override
        public void close() throws IOException {
            if (ended) {
                return;
            }
            ended = true;
            try {
                socket.sendText("{\"type\":\"end\"}");
            } catch (TinyVmConnectionException e) {
                throw new IOException(e.getMessage(), e);
            }
        }
    }
}
