package dev.tinyvm.e2b.proxy;

import dev.tinyvm.engine.GuestConnection;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * A connection to a server inside that speaks TLS itself ({@code network.httpsPorts}). Its certificate is not checked, as with E2B: the bytes travel over the guest link
 * alone, and what the server inside is has nothing to do with names.
 */
final class TlsInside implements GuestConnection {
    private static final Duration HANDSHAKE = Duration.ofSeconds(10);
    private static final SSLContext CONTEXT = context();

    private final GuestConnection guest;
    private final SSLSocket tls;

    private TlsInside(GuestConnection guest, SSLSocket tls) {
        this.guest = guest;
        this.tls = tls;
    }

    /** Shakes hands. @throws IOException the server does not speak TLS, or not in time; the connection is closed then */
    static GuestConnection over(GuestConnection guest) throws IOException {
        CountDownLatch done = new CountDownLatch(1);
        Thread.ofVirtual().name("e2b-handshake").start(() -> closeUnless(done, guest));
        try {
            SSLSocket tls =
                    (SSLSocket) CONTEXT.getSocketFactory().createSocket(new Carrier(guest), "localhost", 443, true);
            tls.startHandshake();
            return new TlsInside(guest, tls);
        } catch (IOException | RuntimeException e) {
            guest.close();
            throw new IOException("it does not speak TLS, as network.httpsPorts says it does: " + e.getMessage(), e);
        } finally {
            done.countDown();
        }
    }

    private static void closeUnless(CountDownLatch done, GuestConnection guest) {
        try {
            if (!done.await(HANDSHAKE.toMillis(), TimeUnit.MILLISECONDS)) {
                guest.close();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public InputStream input() {
        try {
            return tls.getInputStream();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Override
    public OutputStream output() {
        try {
            return tls.getOutputStream();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        // Not the TLS way: its closing words could wait for a server that does not read.
        guest.close();
    }

    private static SSLContext context() {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[] {new Anybody()}, null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK has no TLS", e);
        }
    }

    /** The guest connection as the socket that TLS is layered on. */
    private static final class Carrier extends Socket {
        private final GuestConnection guest;

        private Carrier(GuestConnection guest) {
            this.guest = guest;
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
            return InetAddress.getLoopbackAddress();
        }

        @Override
        public InputStream getInputStream() {
            return guest.input();
        }

        @Override
        public OutputStream getOutputStream() {
            return guest.output();
        }

        @Override
        public void setSoTimeout(int timeout) {
            // The watchman above ends a handshake that hangs; afterwards there is no limit.
        }

        @Override
        public int getSoTimeout() {
            return 0;
        }

        @Override
        public void shutdownInput() {
            // TLS does so at the end of what came: there is nothing more to read anyway.
        }

        @Override
        public void shutdownOutput() {
            // The end of the whole connection follows.
        }

        @Override
        public void setTcpNoDelay(boolean on) {
            // There is no TCP here.
        }

        @Override
        public synchronized void close() {
            guest.close();
        }
    }

    private static final class Anybody extends X509ExtendedTrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
