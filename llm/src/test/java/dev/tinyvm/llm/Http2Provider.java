package dev.tinyvm.llm;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.eclipse.jetty.alpn.server.ALPNServerConnectionFactory;
import org.eclipse.jetty.http2.HTTP2Connection;
import org.eclipse.jetty.http2.HTTP2Session;
import org.eclipse.jetty.http2.frames.GoAwayFrame;
import org.eclipse.jetty.http2.server.HTTP2ServerConnectionFactory;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.slf4j.LoggerFactory;

/**
 * A provider that speaks HTTP/2 over TLS and nothing else, as those in the cloud do. Each call streams {@value #PARTS} events and an end; a test may hold all calls before their second event, and have
 * them reset or their connection told to go away.
 */
final class Http2Provider implements AutoCloseable {
    static final int PARTS = 3;
    private static final String PASSWORD = "changeit";

    static {
        ((Logger) LoggerFactory.getLogger("org.eclipse.jetty")).setLevel(Level.WARN);
    }

    final List<String> protocols = new CopyOnWriteArrayList<>();
    /** Of each call, in their order. */
    final List<String> connections = new CopyOnWriteArrayList<>();

    final AtomicInteger broken = new AtomicInteger();
    private final BlockingQueue<Boolean> steps = new LinkedBlockingQueue<>();
    private final List<HTTP2Session> sessions = new CopyOnWriteArrayList<>();
    private final Server server = new Server();
    private final ServerConnector connector;
    private volatile boolean holds;

    /** @param identity what {@link #identity} gave @param mostStreams of a connection at once */
    Http2Provider(Path identity, int mostStreams) throws Exception {
        this(identity, mostStreams, 0);
    }

    Http2Provider(Path identity, int mostStreams, int port) throws Exception {
        SslContextFactory.Server tls = new SslContextFactory.Server();
        tls.setKeyStorePath(identity.toString());
        tls.setKeyStorePassword(PASSWORD);
        HttpConfiguration configuration = new HttpConfiguration();
        configuration.addCustomizer(new SecureRequestCustomizer(false));
        HTTP2ServerConnectionFactory http2 = new HTTP2ServerConnectionFactory(configuration);
        http2.setMaxConcurrentStreams(mostStreams);
        ALPNServerConnectionFactory alpn = new ALPNServerConnectionFactory();
        connector = new ServerConnector(server, new SslConnectionFactory(tls, alpn.getProtocol()), alpn, http2);
        connector.setHost("127.0.0.1");
        connector.setPort(port);
        server.addConnector(connector);
        server.setHandler(new Calls());
        server.start();
    }

    /** A key and a certificate that it has signed itself, of 127.0.0.1. */
    static Path identity(Path directory) throws IOException, InterruptedException {
        Path file = directory.resolve("identity.p12");
        Process keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-genkeypair",
                        "-keyalg",
                        "EC",
                        "-groupname",
                        "secp256r1",
                        "-alias",
                        "provider",
                        "-dname",
                        "CN=provider",
                        "-ext",
                        "san=ip:127.0.0.1",
                        "-validity",
                        "2",
                        "-storetype",
                        "PKCS12",
                        "-storepass",
                        PASSWORD,
                        "-keystore",
                        file.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(keytool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (keytool.waitFor() != 0) {
            throw new IOException("keytool failed: " + said);
        }
        return file;
    }

    /** Of a client that trusts that certificate alone. */
    static SSLContext trusting(Path identity) throws IOException, GeneralSecurityException {
        KeyStore own = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(identity)) {
            own.load(in, PASSWORD.toCharArray());
        }
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("provider", own.getCertificate("provider"));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    String url() {
        return "https://127.0.0.1:" + connector.getLocalPort();
    }

    /** From now on calls stop before their second event, each until it may step. */
    void hold() {
        holds = true;
    }

    /** One held call goes on. */
    void step() {
        steps.add(true);
    }

    /** One held call is reset. */
    void reset() {
        steps.add(false);
    }

    /** Every connection is to take no more calls; those that run go on. */
    void goAway() {
        for (HTTP2Session session : sessions) {
            session.goAway(GoAwayFrame.GRACEFUL, Callback.NOOP);
        }
    }

    @Override
    public void close() {
        try {
            server.stop();
        } catch (Exception e) {
            throw new IllegalStateException("the provider could not be stopped", e);
        }
    }

    private final class Calls extends Handler.Abstract {
        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            protocols.add(request.getConnectionMetaData().getProtocol());
            if (request.getConnectionMetaData().getConnection() instanceof HTTP2Connection connection
                    && !sessions.contains(connection.getSession())) {
                sessions.add(connection.getSession());
            }
            connections.add(request.getConnectionMetaData().getId());
            Content.Source.asString(request, StandardCharsets.UTF_8);
            response.setStatus(200);
            response.getHeaders().put("Content-Type", "text/event-stream");
            try {
                for (int i = 1; i <= PARTS; i++) {
                    if (i == 2 && holds && !Boolean.TRUE.equals(steps.poll(60, TimeUnit.SECONDS))) {
                        callback.failed(new IOException("reset by the script"));
                        return true;
                    }
                    write(response, false, "data: {\"part\":" + i + "}\n\n");
                }
                write(response, true, "data: [DONE]\n\n");
                callback.succeeded();
            } catch (IOException e) {
                broken.incrementAndGet();
                callback.failed(e);
            }
            return true;
        }

        private void write(Response response, boolean last, String text) throws IOException {
            try {
                Content.Sink.write(response, last, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
            } catch (UncheckedIOException e) {
                throw e.getCause();
            }
        }
    }
}
