package dev.tinyvm.server.http;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Refuses requests whose {@code Host} is a name that is not ours. A web page of an attacker can point a name of its own at 127.0.0.1 (DNS rebinding); the browser then
 * sends that name. IP addresses are always fine: no DNS was asked for them.
 */
public final class HostCheck {
    private static final Pattern IPV4 = Pattern.compile("\\d{1,3}(\\.\\d{1,3}){3}");
    private final Set<String> names = new HashSet<>();

    public HostCheck(List<String> more) {
        names.add("localhost");
        more.forEach(name -> names.add(name.toLowerCase(Locale.ROOT)));
    }

    /** @param host without the port; empty: none was sent (HTTP/1.0) */
    public void check(String host) {
        if (host.isEmpty()
                || host.startsWith("[")
                || host.indexOf(':') >= 0
                || IPV4.matcher(host).matches()) {
            return;
        }
        String name = host.toLowerCase(Locale.ROOT);
        if (names.contains(name) || name.endsWith(".localhost")) {
            return;
        }
        throw HttpError.of(
                403,
                "host_not_allowed",
                "the manager does not answer to the name '" + (name.length() > 100 ? name.substring(0, 100) : name)
                        + "'",
                "use 127.0.0.1 or localhost, or add the name to the server's host names");
    }
}
