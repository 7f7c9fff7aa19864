package dev.tinyvm.network;

import dev.tinyvm.engine.GuestConnection;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

/** A connection inside of a Tiny VM, played by a socket pair. */
final class SocketGuest implements GuestConnection {
    final Socket inside;
    private final Socket outside;

    SocketGuest() throws IOException {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            inside = new Socket(server.getInetAddress(), server.getLocalPort());
            outside = server.accept();
        }
        inside.setSoTimeout(20_000);
    }

    @Override
    public InputStream input() {
        try {
            return outside.getInputStream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public OutputStream output() {
        try {
            OutputStream out = outside.getOutputStream();
            return new java.io.FilterOutputStream(out) {
                @Override
                public void write(byte[] bytes, int offset, int length) throws IOException {
                    out.write(bytes, offset, length);
                }

                @Override
                public void close() throws IOException {
                    outside.shutdownOutput();
                }
            };
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        try {
            outside.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
