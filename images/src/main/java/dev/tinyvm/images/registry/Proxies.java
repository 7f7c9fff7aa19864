package dev.tinyvm.images.registry;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * HTTP proxies as curl takes them from the environment: {@code HTTPS_PROXY}, {@code HTTP_PROXY}, {@code NO_PROXY} (lower-case names first). This
 * machine itself is never asked through a proxy.
 */
final class Proxies extends ProxySelector {
    static {
        // By default the JDK tells no password to a proxy when it asks for a tunnel. It reads this when the first
        // client is made, so it is set
        // as early as this module can.
        if (System.getProperty("jdk.http.auth.tunneling.disabledSchemes") == null) {
            System.setProperty("jdk.http.auth.tunneling.disabledSchemes", "");
        }
    }

    private final @Nullable URI forHttp;
    private final @Nullable URI forHttps;
    private final List<String> without;

    private Proxies(@Nullable URI forHttp, @Nullable URI forHttps, List<String> without) {
        this.forHttp = forHttp;
        this.forHttps = forHttps;
        this.without = without;
    }

    /** @throws RegistryException UNREACHABLE for a value that is no proxy's address */
    static Proxies of(Map<String, String> environment) {
        return new Proxies(
                address(environment, "http_proxy"),
                address(environment, "https_proxy"),
                List.of(value(environment, "no_proxy").toLowerCase(Locale.ROOT).split("[,\\s]+")));
    }

    /**
     * The {@code Proxy-Authorization} for a request, when its proxy has a user. A header and no {@link java.net.Authenticator}, because a
     * client with one fails on a registry's own 401.
     */
    Optional<String> authorization(URI uri) {
        URI proxy = proxy(uri);
        if (proxy == null || proxy.getRawUserInfo() == null) {
            return Optional.empty();
        }
        String[] user = proxy.getRawUserInfo().split(":", 2);
        return Optional.of(new Credentials(decoded(user[0]), user.length < 2 ? "" : decoded(user[1]), false).basic());
    }

    private static String decoded(String part) {
        return URLDecoder.decode(part.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    private @Nullable URI proxy(URI uri) {
        URI proxy = "https".equals(uri.getScheme()) ? forHttps : forHttp;
        return proxy == null || uri.getHost() == null || isExcepted(uri) ? null : proxy;
    }

    @Override
    public List<Proxy> select(URI uri) {
        URI proxy = proxy(uri);
        if (proxy == null) {
            return List.of(Proxy.NO_PROXY);
        }
        // Unresolved, so that the proxy's address is looked up for each connection.
        return List.of(new Proxy(
                Proxy.Type.HTTP,
                InetSocketAddress.createUnresolved(proxy.getHost(), proxy.getPort() < 0 ? 80 : proxy.getPort())));
    }

    @Override
    public void connectFailed(URI uri, SocketAddress address, IOException failure) {
        // There is no second proxy to try; the request fails with this reason.
    }

    private boolean isExcepted(URI uri) {
        String host = uri.getHost().toLowerCase(Locale.ROOT);
        if (Reference.isLoopback(host)) {
            return true;
        }
        for (String pattern : without) {
            String name = pattern.startsWith("*.") ? pattern.substring(1) : pattern;
            if (name.equals("*") || (!name.isEmpty() && matches(host, uri.getPort(), name))) {
                return true;
            }
        }
        return false;
    }

    private static boolean matches(String host, int port, String name) {
        int colon = name.lastIndexOf(':');
        if (colon > 0 && name.substring(colon + 1).matches("[0-9]{1,5}")) {
            return port == Integer.parseInt(name.substring(colon + 1)) && matches(host, port, name.substring(0, colon));
        }
        String bare = name.startsWith(".") ? name.substring(1) : name;
        return host.equals(bare) || host.endsWith("." + bare);
    }

    private static @Nullable URI address(Map<String, String> environment, String name) {
        String text = value(environment, name);
        if (text.isEmpty()) {
            return null;
        }
        try {
            URI uri = URI.create(text.contains("://") ? text : "http://" + text);
            if ("http".equals(uri.getScheme()) && uri.getHost() != null) {
                return uri;
            }
        } catch (IllegalArgumentException e) {
            // Said below, without the value, which may hold a password.
        }
        throw new RegistryException(
                RegistryException.Code.UNREACHABLE,
                "the environment variable " + name.toUpperCase(Locale.ROOT)
                        + " is no address of an HTTP proxy; write http://host:port");
    }

    private static String value(Map<String, String> environment, String name) {
        String lower = environment.getOrDefault(name, "");
        return lower.isEmpty() ? environment.getOrDefault(name.toUpperCase(Locale.ROOT), "") : lower;
    }
}
