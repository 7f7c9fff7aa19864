package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.wasm.web.Loopback;
import dev.tinyvm.engine.wasm.web.WebException;
import dev.tinyvm.engine.wasm.web.WebExchange;
import dev.tinyvm.engine.wasm.web.WebRequest;
import java.net.URI;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * The HTTP exchanges of one process, by number. Which port is the proxy's is said by its environment, as to any other program. Thread safe; the
 * monitor guards the table.
 */
final class GuestWeb {
    static final int MAX_EXCHANGES = 32;

    private final Loopback loopback;
    private final Supplier<SSLContext> tls;
    private final Map<String, String> environment;
    private final Map<Integer, WebExchange> exchanges = new HashMap<>();
    private int next = 1;
    private boolean aborted;

    GuestWeb(Loopback loopback, Supplier<SSLContext> tls, Map<String, String> environment) {
        this.loopback = loopback;
        this.tls = tls;
        this.environment = environment;
    }

    /** Makes one; it has not begun. */
    synchronized int make() throws WebException {
        if (aborted) {
            throw new WebException("ECANCELED", "the process ends");
        }
        if (exchanges.size() >= MAX_EXCHANGES) {
            throw new WebException(
                    "EMFILE",
                    MAX_EXCHANGES + " exchanges are open, and no more are allowed at once; read their answers to the"
                            + " end or cancel them");
        }
        exchanges.put(next, new WebExchange(loopback, tls));
        return next++;
    }

    /** Waits for the head of the answer. */
    WebExchange open(int number, WebRequest request) throws WebException {
        WebExchange exchange = require(number);
        exchange.open(request, proxy());
        return exchange;
    }

    /** @throws WebException {@code EBADF} when there is none of that number */
    WebExchange require(int number) throws WebException {
        WebExchange exchange = find(number);
        if (exchange == null) {
            throw new WebException("EBADF", "there is no open exchange " + number);
        }
        return exchange;
    }

    void close(int number) {
        WebExchange exchange;
        synchronized (this) {
            exchange = exchanges.remove(number);
        }
        if (exchange != null) {
            exchange.close();
        }
    }

    /** Breaks off all, for good. */
    void abort() {
        Map<Integer, WebExchange> all;
        synchronized (this) {
            aborted = true;
            all = Map.copyOf(exchanges);
            exchanges.clear();
        }
        all.values().forEach(WebExchange::close);
    }

    private synchronized @Nullable WebExchange find(int number) {
        return exchanges.get(number);
    }

    private Optional<Integer> proxy() throws WebException {
        for (String name : new String[] {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"}) {
            String value = environment.getOrDefault(name, "");
            if (!value.isEmpty()) {
                return Optional.of(port(name, value));
            }
        }
        return Optional.empty();
    }

    private static int port(String name, String value) throws WebException {
        OptionalInt port = OptionalInt.empty();
        try {
            URI uri = URI.create(value);
            String host = String.valueOf(uri.getHost());
            if ("http".equals(uri.getScheme())
                    && (host.equals("localhost") || host.startsWith("127."))
                    && uri.getPort() > 0) {
                port = OptionalInt.of(uri.getPort());
            }
        } catch (IllegalArgumentException e) {
            // Said below.
        }
        if (port.isEmpty()) {
            throw new WebException(
                    "EINVAL", "the variable " + name + " names no proxy of the form http://127.0.0.1:PORT");
        }
        return port.getAsInt();
    }
}
