package dev.tinyvm.server;

import dev.tinyvm.manager.Manager;
import dev.tinyvm.server.api.ApiDoor;
import dev.tinyvm.server.http.Authenticator;
import dev.tinyvm.server.http.Dispatcher;
import dev.tinyvm.server.http.Door;
import dev.tinyvm.server.http.HostCheck;
import dev.tinyvm.server.http.Limits;
import dev.tinyvm.server.http.ProtocolErrors;
import dev.tinyvm.server.http.RequestMetrics;
import dev.tinyvm.server.http.Route;
import dev.tinyvm.server.http.Router;
import dev.tinyvm.server.http.SlowHeaderGuard;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.VirtualThreads;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.eclipse.jetty.websocket.server.ServerWebSocketContainer;

/**
 * The manager's face on the network: one port, another one for TLS when that is wanted, the native API and any further doors. Requests run on virtual threads, one each.
 *
 * <p>Closing it ends all streams and connections; it does not stop the manager.
 */
public final class TinyVmServer implements AutoCloseable {
    private static final int PLATFORM_THREADS = 8;
    private static final int BACKLOG = 1024;

    private final ServerSettings settings;
    private final Server server;
    private final ServerConnector connector;
    private final Optional<ServerConnector> tlsConnector;
    private final Dispatcher dispatcher;
    private final SlowHeaderGuard slowHeaders;
    private final Router router = new Router();

    /**
     * Prepares it; {@link #start} makes it listen.
     *
     * @param authenticator checks keys
     * @param doors beside the native API
     * @param onShutdown called on a thread of its own, after answering, when a client asks the manager to stop; told whether Tiny VMs go on
     */
    public TinyVmServer(
            ServerSettings settings,
            Manager manager,
            Authenticator authenticator,
            List<Door> doors,
            Consumer<Boolean> onShutdown) {
        this.settings = settings;
        RequestMetrics metrics = new RequestMetrics();
        new ApiDoor(manager, metrics, onShutdown).mount(router);
        doors.forEach(door -> door.mount(router));
        slowHeaders = new SlowHeaderGuard(settings.headerTimeout());
        dispatcher =
                new Dispatcher(router, authenticator, new HostCheck(settings.hostNames()), metrics, slowHeaders, doors);

        QueuedThreadPool threads = new QueuedThreadPool(PLATFORM_THREADS, 2);
        threads.setName("tinyvm-http");
        threads.setReservedThreads(0);
        threads.setVirtualThreadsExecutor(VirtualThreads.getNamedVirtualThreadsExecutor("tinyvm-request-"));
        server = new Server(threads);
        connector = connector(settings.port(), new HttpConnectionFactory(configuration()));
        tlsConnector = settings.tls().map(this::tlsConnector);
        server.setErrorHandler(new ProtocolErrors());
        server.setHandler(dispatcher);
        ServerWebSocketContainer webSockets = ServerWebSocketContainer.ensure(server);
        webSockets.setMaxBinaryMessageSize(Limits.FRAME_BYTES);
        webSockets.setMaxTextMessageSize(Limits.JSON_BYTES);
        webSockets.setMaxFrameSize(Limits.JSON_BYTES);
        // Else a frame of any size would be taken in parts, and refused only once so much of it has come.
        webSockets.setAutoFragment(false);
        // Our own pings and silence limit see dead clients; a quiet command is not a dead one.
        webSockets.setIdleTimeout(Duration.ZERO);
        dispatcher.webSockets(webSockets);
    }

    /** @throws IOException the address is in use or not ours; the message says which and what to do */
    public void start() throws IOException {
        try {
            server.start();
        } catch (Exception e) {
            close();
            String cause = e.getMessage() == null ? e.toString() : e.getMessage();
            throw new IOException(
                    "could not listen on " + settings.host() + ":" + settings.port()
                            + settings.tls().map(tls -> " and :" + tls.port()).orElse("") + ": " + cause
                            + "; another manager may be running there ('./tinyvm down' stops it), or choose another port with --port"
                            + (settings.tls().isPresent() ? " or --tls-port" : ""),
                    e);
        }
    }

    /** The port it listens on. */
    public int port() {
        return connector.getLocalPort();
    }

    /** Such as {@code http://127.0.0.1:7070}. */
    public String url() {
        return "http://" + host() + ":" + port();
    }

    /** Such as {@code https://127.0.0.1:7443}; empty: it does not listen for TLS. */
    public Optional<String> tlsUrl() {
        return tlsConnector.map(tls -> "https://" + host() + ":" + tls.getLocalPort());
    }

    private String host() {
        return settings.host().indexOf(':') >= 0 ? "[" + settings.host() + "]" : settings.host();
    }

    /** All routes of all doors. */
    public List<Route> routes() {
        return router.routes();
    }

    @Override
    public void close() {
        dispatcher.endStreams();
        slowHeaders.close();
        try {
            server.stop();
        } catch (Exception e) {
            throw new IllegalStateException("the HTTP server did not stop cleanly: " + e.getMessage(), e);
        }
    }

    private ServerConnector connector(int port, ConnectionFactory... factories) {
        ServerConnector made = new ServerConnector(server, null, null, null, 1, 1, factories);
        made.setHost(settings.host());
        made.setPort(port);
        made.setAcceptQueueSize(BACKLOG);
        made.setIdleTimeout(settings.idleTimeout().toMillis());
        made.addBean(slowHeaders);
        server.addConnector(made);
        return made;
    }

    private ServerConnector tlsConnector(ServerSettings.Tls tls) {
        SslContextFactory.Server context = new SslContextFactory.Server();
        context.setSslContext(tls.identity().context());
        HttpConfiguration http = configuration();
        // The names that we answer to are checked by HostCheck and by the doors, for both ports alike.
        http.addCustomizer(new SecureRequestCustomizer(false));
        HttpConnectionFactory inner = new HttpConnectionFactory(http);
        return connector(tls.port(), new SslConnectionFactory(context, inner.getProtocol()), inner);
    }

    private static HttpConfiguration configuration() {
        HttpConfiguration http = new HttpConfiguration();
        http.setSendServerVersion(false);
        http.setSendDateHeader(false);
        http.setRequestHeaderSize(Limits.HEADER_BYTES);
        http.setUriCompliance(UriCompliance.DEFAULT);
        http.setMinRequestDataRate(0);
        return http;
    }
}
