package dev.tinyvm.spec;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads {@code network} of the manager's configuration. */
final class NetworkConfigSection {
    static final Keys KEYS = Keys.of("credentials");

    private static final Keys CREDENTIAL = Keys.of("name", "hosts", "header", "prefix", "value", "tls");
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
