package dev.tinyvm.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** Reads {@code spec.network}. */
final class NetworkSection {
    static final Keys KEYS = Keys.of("egress");

    private static final Keys EGRESS = Keys.of("host", "cidr", "ports");
    private static final Pattern HOST = Pattern.compile(
            "\\*|(?=.{1,253}$)(\\*\\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");

    private NetworkSection() {}

    static Network read(Section section, Problems problems) {
        Value value = section.value("egress");
        if (value == null) {
            return Network.NONE;
        }
        if (!(value instanceof Value.Listing list)) {
            section.problem(
                    "egress",
                    "is " + Section.shown(value)
                            + "; expected a list such as [{host: \"*.example.org\", ports: [443]}]");
            return Network.NONE;
        }
        if (list.items().size() > Limits.MAX_EGRESS_RULES) {
            section.problem(
                    "egress",
                    "has " + list.items().size() + " entries; at most " + Limits.MAX_EGRESS_RULES + " are allowed");
            return Network.NONE;
        }
        List<Network.Egress> rules = new ArrayList<>();
        for (int i = 0; i < list.items().size(); i++) {
            Section.open(list.items().get(i), section.at("egress") + "[" + i + "]", EGRESS, problems)
                    .map(NetworkSection::rule)
                    .ifPresent(rules::add);
        }
        return new Network(rules);
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
        host.filter(name -> !HOST.matcher(name).matches() || name.matches("[0-9.]+"))
                .ifPresent(
                        name -> section.problem(
                                "host",
                                "is " + Problems.quote(name)
                                        + "; expected a lower-case DNS name, `*.` before it for all names below it, or `*`; for an address write `cidr`"));
        Optional<String> cidr = section.string("cidr");
        cidr.ifPresent(range -> Cidr.wrong(range).ifPresent(wrong -> section.problem("cidr", wrong)));
        return new Network.Egress(host.orElse(""), cidr.orElse(""), section.ports("ports", Limits.MAX_PORTS));
    }
}
