package dev.tinyvm.spec;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** Reads {@code spec.network}. */
final class NetworkSection {
    static final Keys KEYS = Keys.of("egress", "interface");

    private static final Map<String, Network.Attachment> ATTACHMENTS = attachments();

    private static final Keys EGRESS = Keys.of("host", "cidr", "ports", "deny", "credential");
    private static final Pattern HOST = Pattern.compile(
            "\\*|(?=.{1,253}$)(\\*\\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");

    private static final Pattern CREDENTIAL = Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");

    private NetworkSection() {}

    static Network read(Section section, Problems problems) {
        return new Network(
                rules(section, "egress", problems), section.word("interface", ATTACHMENTS, Network.Attachment.NONE));
    }

    /** A list of rules below any key. */
    static List<Network.Egress> rules(Section section, String key, Problems problems) {
        Value value = section.value(key);
        if (value == null) {
            return List.of();
        }
        if (!(value instanceof Value.Listing list)) {
            section.problem(
                    key,
                    "is " + Section.shown(value)
                            + "; expected a list such as [{host: \"*.example.org\", ports: [443]}]");
            return List.of();
        }
        if (list.items().size() > Limits.MAX_EGRESS_RULES) {
            section.problem(
                    key,
                    "has " + list.items().size() + " entries; at most " + Limits.MAX_EGRESS_RULES + " are allowed");
            return List.of();
        }
        List<Network.Egress> rules = new ArrayList<>();
        for (int i = 0; i < list.items().size(); i++) {
            Section.open(list.items().get(i), section.at(key) + "[" + i + "]", EGRESS, problems)
                    .map(NetworkSection::rule)
                    .ifPresent(rules::add);
        }
        return rules;
    }

    private static Network.Egress rule(Section section) {
        if (section.has("host") == section.has("cidr")) {
            section.problem(
                    section.has("host") ? "cidr" : "host",
                    section.has("host")
                            ? "stands beside `host`; a rule has exactly one of host and cidr, write two rules"
                            : "is missing; a rule has one of host (such as `*.example.org`) and cidr (such as `10.0.0.0/8`)");
        }
        Optional<String> host = section.string("host");
        host.filter(NetworkSection::wrongHost)
                .ifPresent(
                        name -> section.problem(
                                "host",
                                "is " + Problems.quote(name)
                                        + "; expected a lower-case DNS name, `*.` before it for all names below it, or `*`; for an address write `cidr`"));
        Optional<String> cidr = section.string("cidr");
        cidr.ifPresent(range -> Cidr.wrong(range).ifPresent(wrong -> section.problem("cidr", wrong)));
        boolean deny = section.bool("deny", false);
        return new Network.Egress(
                host.orElse(""),
                cidr.orElse(""),
                section.ports("ports", Limits.MAX_PORTS),
                deny,
                credential(section, deny));
    }

    private static Map<String, Network.Attachment> attachments() {
        Map<String, Network.Attachment> words = new LinkedHashMap<>();
        for (Network.Attachment each : Network.Attachment.values()) {
            words.put(each.word(), each);
        }
        return words;
    }

    static boolean wrongHost(String name) {
        return !HOST.matcher(name).matches() || name.matches("[0-9.]+");
    }

    private static Optional<String> credential(Section section, boolean deny) {
        Optional<String> name = section.string("credential");
        if (name.isPresent()
                && (deny || !section.has("host") || section.string("host").equals(Optional.of("*")))) {
            section.problem(
                    "credential",
                    "stands in a rule that denies or that names no host; a credential goes to the hosts of a rule such as {host: api.example.org, credential: "
                            + name.get() + "}");
        }
        return name.filter(text -> {
            boolean fine = CREDENTIAL.matcher(text).matches();
            if (!fine) {
                section.problem(
                        "credential",
                        "is " + Problems.quote(text)
                                + "; expected the name of a credential in the manager's configuration: 1 to 63 of a-z, 0-9 and -");
            }
            return fine;
        });
    }
}
