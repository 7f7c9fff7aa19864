package dev.tinyvm.engine.wasm.web;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * A request as a guest wants it; what could break out of the message's frame is refused here.
 *
 * @param method such as {@code POST}
 * @param scheme {@code http} or {@code https}
 * @param host name or address, without brackets
 * @param port 1 to 65,535
 * @param target path and query
 * @param headers in the guest's order
 * @param body may be empty
 */
@SuppressWarnings("ArrayRecordComponent")
public record WebRequest(
        String method, String scheme, String host, int port, String target, List<Header> headers, byte[] body) {
    static final int MAX_HEADERS = 200;
    static final int MAX_HEADER_BYTES = 64 << 10;
    static final int MAX_URL_CHARS = 16 << 10;
    private static final Pattern TOKEN = Pattern.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}");
    private static final Pattern AUTHORITY =
            Pattern.compile("([A-Za-z0-9._~-]{1,253}|\\[[0-9A-Fa-f:.]{2,45}])(?::([0-9]{1,5}))?");
    private static final Set<String> METHODS_REFUSED = Set.of("CONNECT", "TRACE", "TRACK");
    /** They frame the message or belong to the connection; the client writes them itself. */
    private static final Set<String> OWN = Set.of(
            "host",
            "content-length",
            "transfer-encoding",
            "connection",
            "keep-alive",
            "upgrade",
            "te",
            "trailer",
            "expect",
            "proxy-connection",
            "proxy-authorization",
            "proxy-authenticate");

    /** A header field. */
    public record Header(String name, String value) {}

    public WebRequest {
        headers = List.copyOf(headers);
    }

    /** @throws WebException {@code EINVAL} with what is wrong */
    public static WebRequest of(String method, String url, List<Header> headers, byte[] body) throws WebException {
        String verb = method.isEmpty() ? "GET" : method;
        if (!TOKEN.matcher(verb).matches() || METHODS_REFUSED.contains(verb.toUpperCase(Locale.ROOT))) {
            throw invalid("the method `" + shown(verb) + "` is not allowed");
        }
        if (url.length() > MAX_URL_CHARS) {
            throw invalid("the URL has " + url.length() + " characters; " + MAX_URL_CHARS + " are allowed");
        }
        URI uri;
        try {
            uri = new URI(url);
        } catch (URISyntaxException e) {
            throw invalid("`" + shown(url) + "` is no URL: " + e.getReason());
        }
        String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
        if (!scheme.equals("http") && !scheme.equals("https")) {
            throw invalid("`" + shown(url) + "` is no http: or https: URL");
        }
        String authority = uri.getRawAuthority() == null ? "" : uri.getRawAuthority();
        var match = AUTHORITY.matcher(authority);
        if (!match.matches()) {
            throw invalid("the host in `" + shown(url) + "` is not one; user names are not allowed there either");
        }
        int port = match.group(2) == null ? (scheme.equals("http") ? 80 : 443) : Integer.parseInt(match.group(2));
        if (port < 1 || port > 65_535) {
            throw invalid("there is no port " + port);
        }
        String host = match.group(1).toLowerCase(Locale.ROOT);
        String path = uri.getRawPath() == null || uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
        String target = uri.getRawQuery() == null ? path : path + "?" + uri.getRawQuery();
        return new WebRequest(
                verb,
                scheme,
                host.startsWith("[") ? host.substring(1, host.length() - 1) : host,
                port,
                target,
                checked(headers),
                body);
    }

    boolean isLoopback() {
        return host.equals("localhost") || host.startsWith("127.") || host.equals("::1");
    }

    /** For the Host field and for a proxy. */
    String authority() {
        String name = host.indexOf(':') >= 0 ? "[" + host + "]" : host;
        return name + ":" + port;
    }

    String hostField() {
        boolean usual = port == (scheme.equals("http") ? 80 : 443);
        String whole = authority();
        return usual ? whole.substring(0, whole.lastIndexOf(':')) : whole;
    }

    private static List<Header> checked(List<Header> headers) throws WebException {
        long bytes = 0;
        List<Header> kept = new java.util.ArrayList<>();
        for (Header header : headers) {
            if (!TOKEN.matcher(header.name()).matches()) {
                throw invalid("`" + shown(header.name()) + "` is no name of a header");
            }
            for (int i = 0; i < header.value().length(); i++) {
                char c = header.value().charAt(i);
                if ((c < ' ' && c != '\t') || c == 0x7f || c > 0xff) {
                    throw invalid("the header " + header.name() + " contains a character that is not allowed in one");
                }
            }
            bytes += header.name().length() + header.value().length() + 4L;
            if (!OWN.contains(header.name().toLowerCase(Locale.ROOT))) {
                kept.add(header);
            }
        }
        if (headers.size() > MAX_HEADERS || bytes > MAX_HEADER_BYTES) {
            throw invalid("the request has " + headers.size() + " headers with " + bytes + " bytes; " + MAX_HEADERS
                    + " with " + MAX_HEADER_BYTES + " bytes are allowed");
        }
        return kept;
    }

    private static WebException invalid(String message) {
        return new WebException("EINVAL", message);
    }

    private static String shown(String text) {
        return text.substring(0, Math.min(text.length(), 200)).replaceAll("\\p{Cntrl}", "?");
    }
}
