package dev.tinyvm.network.rules;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Where a client wishes to go: a name or an address, and a port. Only what all programs read alike is one: an address in its usual form, a name in ASCII.
 *
 * @param name lower case without a final dot; the address as text when there is one
 * @param literal the address that was asked for; empty: a name was
 * @param port 1 to 65,535
 */
public record Destination(String name, Optional<InetAddress> literal, int port) {
    private static final Pattern LABELS = Pattern.compile(
            "(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?");
    private static final Pattern IPV4 =
            Pattern.compile("(0|[1-9][0-9]{0,2})\\.(0|[1-9][0-9]{0,2})\\.(0|[1-9][0-9]{0,2})\\.(0|[1-9][0-9]{0,2})");
    private static final Pattern IPV6 = Pattern.compile("[0-9A-Fa-f:]*:[0-9A-Fa-f:]*(:[0-9]{1,3}(\\.[0-9]{1,3}){3})?");
    private static final Pattern ENDS_IN_NUMBER = Pattern.compile("(.*\\.)?([0-9]+|0[xX][0-9A-Fa-f]*)");

    /**
     * Reads {@code host:port}.
     *
     * @param defaultPort when there is none; 0: there must be one
     * @throws IllegalArgumentException with a sentence
     */
    public static Destination parse(String authority, int defaultPort) {
        if (authority.indexOf('@') >= 0) {
            throw new IllegalArgumentException("a user name before the host is not taken");
        }
        int end = authority.startsWith("[") ? authority.indexOf(']') + 1 : authority.indexOf(':');
        if (authority.startsWith("[") && end == 0) {
            throw new IllegalArgumentException("an IPv6 address lacks its closing bracket");
        }
        if (end < 0) {
            end = authority.length();
        }
        return of(authority.substring(0, end), port(authority.substring(end), defaultPort));
    }

    /** @param host a name, an IPv4 address, or an IPv6 address in brackets */
    public static Destination of(String host, int port) {
        if (host.startsWith("[")) {
            return literal(ipv6(host.substring(1, host.length() - 1)), port);
        }
        String name = host.toLowerCase(Locale.ROOT);
        if (name.endsWith(".")) {
            name = name.substring(0, name.length() - 1);
        }
        if (IPV4.matcher(name).matches()) {
            return literal(address(name, "is not an IPv4 address"), port);
        }
        if (ENDS_IN_NUMBER.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    "the host looks like a number; an IPv4 address is written as four decimal numbers without leading zeros");
        }
        if (!LABELS.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    "the host is no DNS name in ASCII; names in other scripts are written in their `xn--` form, and nothing is percent-encoded");
        }
        return new Destination(name, Optional.empty(), port);
    }

    /** An address as it is written in a URL. */
    public String host() {
        return literal.isPresent() && !(literal.get() instanceof Inet4Address) ? "[" + name + "]" : name;
    }

    @Override
    public String toString() {
        return host() + ":" + port;
    }

    private static Destination literal(InetAddress address, int port) {
        return new Destination(address.getHostAddress(), Optional.of(address), port);
    }

    private static InetAddress ipv6(String text) {
        if (!IPV6.matcher(text).matches()) {
            throw new IllegalArgumentException("what stands in brackets is no IPv6 address");
        }
        return address(text, "is not an IPv6 address");
    }

    /** Only for what has been matched: any other text would be looked up. An IPv4 address in IPv6 clothes becomes the IPv4 address. */
    private static InetAddress address(String text, String wrong) {
        try {
            return InetAddress.getByName(text);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("the host " + wrong, e);
        }
    }

    private static int port(String text, int defaultPort) {
        if (text.isEmpty() || (text.equals(":") && defaultPort > 0)) {
            if (defaultPort == 0) {
                throw new IllegalArgumentException("the port is missing");
            }
            return defaultPort;
        }
        if (text.charAt(0) != ':' || !text.substring(1).matches("[0-9]{1,5}")) {
            throw new IllegalArgumentException("the port is no whole number from 1 to 65535");
        }
        int port = Integer.parseInt(text.substring(1));
        if (port < 1 || port > 65_535) {
            throw new IllegalArgumentException("the port is no whole number from 1 to 65535");
        }
        return port;
    }
}
