package dev.tinyvm.engine.wasm.web;

import dev.tinyvm.engine.GuestConnection;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;

/** A connection of the virtual loopback in the dress that TLS and HTTP libraries expect. There is no socket of the host behind it. */
final class GuestSocket extends Socket {
    /** Until the head of the answer is there, TLS's greeting included: whoever answers must not fill the heap with it. */
    private static final long MAX_HEAD_BYTES = 192 << 10;

    private final GuestConnection connection;
    private final InetSocketAddress peer;
    private final InputStream input;
    private long headLeftBytes = MAX_HEAD_BYTES;
    private boolean shut;

    GuestSocket(GuestConnection connection, int port) {
        this.connection = connection;
        this.input = new HeadLimit(connection.input());
        this.peer = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    }

    @Override
    public InputStream getInputStream() {
        return input;
    }

    /** The head is there; a body may be as long as it likes. */
    void headIsOver() {
        headLeftBytes = Long.MAX_VALUE;
    }

    @Override
    public OutputStream getOutputStream() {
        return connection.output();
    }

    @Override
    public synchronized void close() {
        shut = true;
        connection.close();
    }

    @Override
    public synchronized boolean isClosed() {
        return shut;
    }

    @Override
    public void shutdownInput() {
        // What still comes is dropped with the connection.
    }

    @Override
    public void shutdownOutput() throws IOException {
        connection.output().close();
    }

    @Override
    public boolean isConnected() {
        return true;
    }

    @Override
    public boolean isBound() {
        return true;
    }

    @Override
    public InetAddress getInetAddress() {
        return peer.getAddress();
    }

    @Override
    public int getPort() {
        return peer.getPort();
    }

    @Override
    public int getLocalPort() {
        return 0;
    }

    @Override
    public SocketAddress getRemoteSocketAddress() {
        return peer;
    }

    @Override
    public SocketAddress getLocalSocketAddress() {
        return new InetSocketAddress(peer.getAddress(), 0);
    }

    /** The pipe below has its own limit of silence. */
    @Override
    public void setSoTimeout(int millis) {}

    @Override
    public int getSoTimeout() {
        return 0;
    }

    @Override
    public void setSoLinger(boolean on, int seconds) {}

    @Override
    public int getSoLinger() {
        return -1;
    }

    @Override
    public void setTcpNoDelay(boolean on) {}

    @Override
    public boolean getTcpNoDelay() {
        return true;
    }

    @Override
    public void setKeepAlive(boolean on) {}

    private final class HeadLimit extends FilterInputStream {
        private HeadLimit(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            return counted(super.read(), 1);
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            int got = super.read(into, offset, length);
            return counted(got, got);
        }

        private int counted(int result, int bytes) throws IOException {
            headLeftBytes -= Math.max(bytes, 0);
            if (headLeftBytes < 0) {
                throw new IOException("the head of the answer is larger than " + MAX_HEAD_BYTES + " bytes");
            }
            return result;
        }
    }
}
