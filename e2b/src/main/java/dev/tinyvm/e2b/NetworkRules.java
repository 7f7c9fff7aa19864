package dev.tinyvm.e2b;

import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Network.Egress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/**
 * E2B's rules for what a sandbox may reach, checked as E2B checks them and in its words.
 *
 * <p>The two worlds differ: E2B lets everything out that is not denied, TinyVM nothing that is not named. So what {@code allowOut} names is allowed ({@link #network}),
 * and all else stays shut, whether it was denied or merely not mentioned. Nothing that E2B would refuse gets through; what E2B would let through only by default does not.
 *
 * @param allow from {@code allowOut}
 * @param deny from {@code denyOut}
 */
public record NetworkRules(List<Rule> allow, List<Rule> deny) {
    private static final String EVERYTHING = "0.0.0.0/0";
    private static final int MAX_RULES = 1000;
    private static final Pattern V4 = Pattern.compile("(\\d{1,3}(?:\\.\\d{1,3}){3})(?:/(\\d{1,2}))?");
    private static final Pattern V6 = Pattern.compile("([0-9a-fA-F:]*:[0-9a-fA-F:.]*)(?:/(\\d{1,3}))?");
    private static final Pattern NAME = Pattern.compile(
            "\\*|(\\*\\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\\.?");
    private static final String NEEDS_DENY_ALL =
            "When specifying allowed domains in allow out, you must include 'ALL_TRAFFIC' in deny out to block all other traffic.";

    /**
     * One entry.
     *
     * @param host an address range with its prefix length, or a name such as {@code *.example.org}
     * @param domain whether it is a name
     * @param port 0: all
     */
    public record Rule(String host, boolean domain, int port) {}

    public NetworkRules {
        allow = List.copyOf(allow);
        deny = List.copyOf(deny);
    }

    /** @param network E2B's network settings @throws E2bError 400 with E2B's own words */
    static NetworkRules read(JsonNode network) {
        NetworkRules rules =
                new NetworkRules(rules(network, "allowOut", "allow out"), rules(network, "denyOut", "deny out"));
        for (Rule rule : rules.deny) {
            if (rule.domain()) {
                throw new E2bError(400, "invalid denied CIDR " + rule.host());
            }
        }
        if (rules.allow.stream().anyMatch(Rule::domain) && !rules.deniesAll()) {
            throw new E2bError(400, NEEDS_DENY_ALL);
        }
        return rules;
    }

    /** Whether everything that is not allowed is denied in so many words. */
    boolean deniesAll() {
        return deny.stream().anyMatch(r -> r.host().equals(EVERYTHING) && r.port() == 0);
    }

    /** What the egress proxy lets through. */
    public Network network() {
        List<Egress> egress = new ArrayList<>();
        for (Rule rule : allow) {
            List<Integer> ports = rule.port() == 0 ? List.of() : List.of(rule.port());
            if (rule.domain()) {
                egress.add(new Egress(rule.host(), "", ports));
            } else if (rule.host().equals(EVERYTHING)) {
                // All of the internet; the host's own networks are not part of that.
                egress.add(new Egress("*", "", ports));
            } else {
                egress.add(new Egress("", rule.host(), ports));
            }
        }
        return new Network(egress);
    }

    private static List<Rule> rules(JsonNode network, String name, String words) {
        JsonNode list = network.path(name);
        if (list.isMissingNode() || list.isNull()) {
            return List.of();
        }
        if (!list.isArray() || list.size() > MAX_RULES) {
            throw new E2bError(
                    400, "network." + name + " must be a list of at most " + MAX_RULES + " addresses or names");
        }
        List<Rule> rules = new ArrayList<>();
        for (JsonNode entry : list) {
            if (!entry.isString()) {
                throw new E2bError(400, "invalid " + words + " entry: " + entry + " is not text");
            }
            rules.add(rule(entry.stringValue(), words));
        }
        return rules;
    }

    private static Rule rule(String entry, String words) {
        String host = entry.strip();
        int port = 0;
        int colon = host.lastIndexOf(':');
        boolean bracketed = host.startsWith("[") && host.contains("]");
        if (bracketed) {
            int end = host.indexOf(']');
            port = end == host.length() - 1 ? 0 : port(host.substring(end + 1), entry, words);
            host = host.substring(1, end);
        } else if (colon >= 0 && host.indexOf(':') == colon) {
            port = port(host.substring(colon), entry, words);
            host = host.substring(0, colon);
        }
        Matcher v4 = V4.matcher(host);
        if (v4.matches()) {
            return new Rule(range(v4, 32, entry, words), false, port);
        }
        Matcher v6 = V6.matcher(host);
        if (v6.matches()) {
            return new Rule(range(v6, 128, entry, words), false, port);
        }
        String name = host.toLowerCase(Locale.ROOT);
        if (!NAME.matcher(name).matches() || name.length() > 253) {
            throw new E2bError(
                    400,
                    "invalid " + words + " entry: '" + entry
                            + "' is neither an address, a range such as 10.0.0.0/8, nor a host name");
        }
        return new Rule(name.endsWith(".") ? name.substring(0, name.length() - 1) : name, true, port);
    }

    private static String range(Matcher parts, int bits, String entry, String words) {
        int prefix = parts.group(2) == null ? bits : Integer.parseInt(parts.group(2));
        boolean address = bits == 32 ? v4(parts.group(1)) : v6(parts.group(1));
        if (!address || prefix > bits) {
            throw new E2bError(400, "invalid " + words + " entry: '" + entry + "' is not an address range");
        }
        return parts.group(1) + "/" + prefix;
    }

    private static boolean v4(String address) {
        for (String part : address.split("\\.", -1)) {
            if (Integer.parseInt(part) > 255) {
                return false;
            }
        }
        return true;
    }

    /** Literals only: nothing is looked up. */
    private static boolean v6(String address) {
        try {
            return java.net.InetAddress.ofLiteral(address) instanceof java.net.Inet6Address;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    private static int port(String colonAndPort, String entry, String words) {
        try {
            int port = Integer.parseInt(colonAndPort.substring(1));
            if (colonAndPort.charAt(0) == ':' && port >= 1 && port <= 65_535) {
                return port;
            }
        } catch (NumberFormatException e) {
            // The same answer as for a number out of range.
        }
        throw new E2bError(
                400, "invalid " + words + " entry: '" + entry + "' has no port from 1 to 65535 behind its colon");
    }
}
