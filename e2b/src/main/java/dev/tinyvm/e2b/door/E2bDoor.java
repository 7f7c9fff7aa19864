package dev.tinyvm.e2b.door;

import dev.tinyvm.e2b.E2bError;
import dev.tinyvm.e2b.E2bSettings;
import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.e2b.Sandbox;
import dev.tinyvm.e2b.Sandboxes;
import dev.tinyvm.e2b.code.CodeApi;
import dev.tinyvm.e2b.control.ControlApi;
import dev.tinyvm.e2b.envd.EnvdApi;
import dev.tinyvm.e2b.proxy.PortProxy;
import dev.tinyvm.e2b.proxy.Unreachable;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.server.http.Authenticator;
import dev.tinyvm.server.http.Door;
import dev.tinyvm.server.http.Router;
import java.io.IOException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The E2B door. It stands before the native API's routes, since most of its requests are told by a header or by the host they are sent to, whatever their path:
 *
 * <ol>
 *   <li>{@code E2b-Sandbox-Id} (and {@code E2b-Sandbox-Port}): to that sandbox;
 *   <li>host {@code <port>-<id>.<domain>} or {@code <port>-<id>.localhost}: to that sandbox;
 *   <li>host {@code api.<domain>}, or a path of E2B's control API: to that.
 * </ol>
 *
 * All else is not taken. DNS rebinding gains nothing here: the control API always needs a key and envd a token, neither of which a browser adds by itself, and a
 * sandbox's own ports are as public as its user made them.
 */
public final class E2bDoor implements Door, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(E2bDoor.class);
    private static final Pattern SANDBOX_HOST = Pattern.compile("(\\d{1,5})-([a-z0-9]{8,32})\\.(.+)");
    private static final int MAX_PORT = 65_535;

    private final Sandboxes sandboxes;
    private final ControlApi control;
    private final EnvdApi envd;
    private final CodeApi code;
    private final PortProxy proxy;

    public E2bDoor(Manager manager, Authenticator authenticator, E2bSettings settings) {
        sandboxes = new Sandboxes(manager, settings);
        control = new ControlApi(sandboxes, authenticator);
        envd = new EnvdApi(sandboxes);
        code = new CodeApi(sandboxes);
        proxy = new PortProxy(sandboxes);
        Thread.ofVirtual().name("e2b-adopt").start(() -> {
            envd.adopt();
            code.endOrphans();
        });
    }

    /** Where a request goes to. */
    private record Target(String sandboxId, int port) {}

    /** All its requests are told by header, host or path before the routes are asked. */
    @Override
    public void mount(Router router) {
        // Nothing to add: see above.
    }

    /** Answers a request of E2B's; {@code false} for any other. */
    @Override
    public boolean takes(Request request, Response response, Callback callback) {
        Exchange exchange = new Exchange(request, response, callback);
        try {
            Optional<Target> target = target(exchange);
            if (target.isEmpty() && !ownsControl(exchange)) {
                return false;
            }
            if (target.isPresent()) {
                toSandbox(exchange, target.get());
            } else {
                control.serve(exchange);
            }
            exchange.finish();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            fail(exchange, e);
        } catch (IOException | RuntimeException e) {
            fail(exchange, e);
        }
        return true;
    }

    @Override
    public void close() {
        code.close();
        envd.close();
    }

    private void toSandbox(Exchange exchange, Target target) throws IOException, InterruptedException {
        Optional<Sandbox> found = sandboxes.find(target.sandboxId());
        if (found.isPresent() && found.get().paused()) {
            found = sandboxes.wake(target.sandboxId());
        }
        if (found.isEmpty()) {
            Unreachable.noSandbox(exchange, Sandboxes.shortId(target.sandboxId()));
        } else if (found.get().paused()) {
            Unreachable.paused(exchange, found.get().id());
        } else if (target.port() == EnvdApi.PORT) {
            envd.serve(exchange, found.get());
        } else if (target.port() == CodeApi.PORT && found.get().template().codeInterpreter()) {
            code.serve(exchange, found.get());
        } else {
            proxy.serve(exchange, found.get(), target.port());
        }
    }

    private boolean ownsControl(Exchange exchange) {
        String domain = sandboxes.settings().domain();
        return ControlApi.owns(exchange.path())
                || (!domain.isEmpty() && exchange.host().equals("api." + domain));
    }

    private Optional<Target> target(Exchange exchange) {
        String id = exchange.header("E2b-Sandbox-Id");
        if (!id.isEmpty()) {
            String port = exchange.header("E2b-Sandbox-Port");
            return Optional.of(new Target(id, port.isEmpty() ? EnvdApi.PORT : port(port)));
        }
        Matcher host = SANDBOX_HOST.matcher(exchange.host());
        if (host.matches()
                && (host.group(3).equals("localhost")
                        || host.group(3).equals(sandboxes.settings().domain()))) {
            return Optional.of(new Target(host.group(2), port(host.group(1))));
        }
        return Optional.empty();
    }

    private static int port(String text) {
        try {
            int port = Integer.parseInt(text);
            if (port >= 1 && port <= MAX_PORT) {
                return port;
            }
        } catch (NumberFormatException e) {
            // The same answer as for a number out of range.
        }
        throw new E2bError(400, "a port is a whole number from 1 to " + MAX_PORT);
    }

    private static void fail(Exchange exchange, Exception failure) {
        if (failure instanceof IOException || failure instanceof InterruptedException) {
            // The client left, the sandbox ended or the server stops.
            log.debug("{} {} was broken off", exchange.method(), exchange.path(), failure);
        } else if (E2bError.from(failure).status() >= 500 && !(failure instanceof E2bError)) {
            log.warn("{} {} failed", exchange.method(), exchange.path(), failure);
        }
        try {
            exchange.fail(failure);
        } catch (RuntimeException e) {
            log.debug("could not answer {} {}", exchange.method(), exchange.path(), e);
        }
    }
}
