package dev.tinyvm.spec;

import java.net.Inet4Address;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads {@code network} of the manager's configuration. */
final class NetworkConfigSection {
    static final Keys KEYS = Keys.of("credentials", "limits", "routedPool");

    private static final Keys CREDENTIAL = Keys.of("name", "hosts", "header", "prefix", "value", "tls");
    private static final Keys LIMITS = Keys.of(
            "connections",
            "connectionsInAll",
            "head",
            "headBytes",
            "headFields",
            "keepAlive",
            "lookup",
            "connect",
            "idle",
            "lifetime",
            "bytes");

    private static final int MAX_CONNECTIONS = 100_000;
    private static final int MAX_CONNECTIONS_IN_ALL = 1_000_000;
    private static final long MIN_HEAD_BYTES = 1 << 10;
    private static final long MAX_HEAD_BYTES = 1 << 20;
    private static final int MIN_HEAD_FIELDS = 10;
    private static final int MAX_HEAD_FIELDS = 10_000;
    private static final long MIN_CONNECTION_BYTES = 1 << 10;
    private static final Duration MIN_ANSWER = Duration.ofMillis(100);
    private static final Duration SECOND = Duration.ofSeconds(1);
    private static final Duration MAX_LOOKUP = Duration.ofMinutes(5);
    private static final Duration MAX_CONNECT = Duration.ofMinutes(10);
    private static final Duration MAX_HEAD = Duration.ofHours(1);
    private static final Duration DAY = Duration.ofDays(1);
    private static final Duration MAX_OPEN = Duration.ofDays(366);

    private static final int MIN_POOL_BITS = 12;
    private static final int MAX_POOL_BITS = 30;
    private static final int MAX_CREDENTIALS = 256;
    private static final int MAX_HOSTS = 64;
    private static final int MAX_PREFIX = 256;
    private static final Pattern HEADER = Pattern.compile("[A-Za-z0-9-]{1,128}");

    /** The proxy writes these itself. */
    private static final Set<String> NOT_HEADERS =
            Set.of("host", "content-length", "transfer-encoding", "connection", "upgrade", "via", "te", "trailer");

    private NetworkConfigSection() {}

    static List<NetworkConfig.Credential> credentials(Section section, @Nullable Path directory) {
        List<NetworkConfig.Credential> credentials = new ArrayList<>();
        Set<String> names = new HashSet<>();
        for (Section each : section.sections("credentials", CREDENTIAL, MAX_CREDENTIALS)) {
            NetworkConfig.Credential credential = credential(each, directory);
            if (!credential.name().isEmpty() && !names.add(credential.name())) {
                each.problem("name", "is the name of an earlier credential too; give one of them another");
            }
            credentials.add(credential);
        }
        return credentials;
    }

    static NetworkConfig.Limits limits(Section network) {
        NetworkConfig.Limits d = NetworkConfig.Limits.DEFAULT;
        return network.section("limits", LIMITS)
                .map(section -> {
                    NetworkConfig.Limits read = new NetworkConfig.Limits(
                            section.integer("connections", 1, MAX_CONNECTIONS, d.connections()),
                            section.integer("connectionsInAll", 1, MAX_CONNECTIONS_IN_ALL, d.connectionsInAll()),
                            section.duration("head", SECOND, MAX_HEAD, d.head()),
                            (int) section.bytes("headBytes", MIN_HEAD_BYTES, MAX_HEAD_BYTES, d.headBytes()),
                            section.integer("headFields", MIN_HEAD_FIELDS, MAX_HEAD_FIELDS, d.headFields()),
                            section.duration("keepAlive", SECOND, DAY, d.keepAlive()),
                            section.duration("lookup", MIN_ANSWER, MAX_LOOKUP, d.lookup()),
                            section.duration("connect", MIN_ANSWER, MAX_CONNECT, d.connect()),
                            section.duration("idle", SECOND, MAX_OPEN, d.idle()),
                            section.duration("lifetime", SECOND, MAX_OPEN, d.lifetime()),
                            section.bytes("bytes", MIN_CONNECTION_BYTES, Quantities.MAX_BYTES, d.bytes()));
                    if (read.connections() > read.connectionsInAll()) {
                        section.problem(
                                section.has("connections") ? "connections" : "connectionsInAll",
                                "lets one Tiny VM have " + read.connections() + " connections and all of them together "
                                        + read.connectionsInAll()
                                        + "; connectionsInAll must not be smaller than connections");
                    }
                    return read;
                })
                .orElse(d);
    }

    static Optional<String> routedPool(Section network) {
        Optional<String> pool = network.string("routedPool");
        pool.filter(text -> !text.equals(NetworkConfig.NO_POOL) && !isPool(text))
                .ifPresent(text -> network.problem(
                        "routedPool",
                        "is " + Problems.quote(text) + "; expected an IPv4 range of " + MIN_POOL_BITS + " to "
                                + MAX_POOL_BITS + " bits such as `100.118.0.0/16`, or `" + NetworkConfig.NO_POOL
                                + "`"));
        return pool;
    }

    private static boolean isPool(String text) {
        if (Cidr.wrong(text).isPresent()) {
            return false;
        }
        Cidr range = Cidr.parse(text);
        return range.address() instanceof Inet4Address
                && range.prefixLength() >= MIN_POOL_BITS
                && range.prefixLength() <= MAX_POOL_BITS;
    }

    private static NetworkConfig.Credential credential(Section section, @Nullable Path directory) {
        String name = section.required("name", "expected a name such as `github`");
        if (!name.isEmpty()) {
            Names.wrongAgentName(name).ifPresent(wrong -> section.problem("name", wrong));
        }
        List<String> hosts = section.texts("hosts", MAX_HOSTS);
        if (hosts.isEmpty()) {
            section.problem(
                    "hosts", "is missing or empty; name the hosts that may get the secret, such as [api.example.org]");
        }
        hosts.stream()
                .filter(host -> host.equals("*") || NetworkSection.wrongHost(host))
                .forEach(host -> section.problem(
                        "hosts",
                        "holds " + Problems.quote(host)
                                + "; expected lower-case DNS names, or `*.` before one for all names below it"));
        String header = section.string("header").orElse("Authorization");
        if (!HEADER.matcher(header).matches() || NOT_HEADERS.contains(header.toLowerCase(Locale.ROOT))) {
            section.problem(
                    "header",
                    "is " + Problems.quote(header)
                            + "; expected the name of a header that a client may set, such as `Authorization` or `X-Api-Key`");
        }
        String prefix = section.string("prefix").orElse("");
        if (prefix.length() > MAX_PREFIX || !prefix.chars().allMatch(c -> c >= ' ' && c <= '~')) {
            section.problem(
                    "prefix",
                    "is longer than " + MAX_PREFIX
                            + " characters or not plain ASCII; expected something like `\"Bearer \"`");
        }
        if (!section.has("value")) {
            section.problem("value", "is missing; name one of `{env: NAME}`, `{file: PATH}`, `{secret: NAME}`");
        }
        return new NetworkConfig.Credential(
                name,
                hosts,
                header,
                prefix,
                section.section("value", LlmConfigSection.KEY)
                        .map(key -> LlmConfigSection.key(key, directory))
                        .orElse(new LlmConfig.Key.None()),
                section.bool("tls", true));
    }
}
