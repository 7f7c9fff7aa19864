package dev.tinyvm.network.rules;

import dev.tinyvm.spec.Cidr;
import dev.tinyvm.spec.Network;
import java.net.InetAddress;
import java.util.List;
import java.util.Optional;

/**
 * An allow-list that can be asked. The first rule that matches decides; what none matches is refused. Immutable.
 *
 * <p>A name must be allowed by a rule with a host before it is looked up at all. Each address that it has is then judged again: a rule that denies its range refuses
 * it, and so does a special range (see {@link SpecialRanges}) that no rule opens. An address that was asked for as such needs a rule with a range.
 */
public final class EgressRules {
    /** Nothing may be reached. */
    public static final EgressRules NONE = new EgressRules(Network.NONE);

    private final Network network;
    private final List<Rule> rules;

    public EgressRules(Network network) {
        this.network = network;
        this.rules = network.egress().stream().map(Rule::of).toList();
    }

    /** What it was made from. */
    public Network network() {
        return network;
    }

    List<Rule> rules() {
        return rules;
    }

    /** Ports at which a rule that allows is about a name or one of its addresses; whether they are allowed is another question. */
    public List<Integer> portsAbout(String name, InetAddress address) {
        return rules.stream()
                .filter(rule -> !rule.deny && (rule.matchesName(name) || rule.matchesAddress(address)))
                .flatMap(rule ->
                        (rule.egress.ports().isEmpty() ? Network.Egress.DEFAULT_PORTS : rule.egress.ports()).stream())
                .distinct()
                .toList();
    }

    public boolean allowsNothing() {
        return rules.stream().allMatch(Rule::deny);
    }

    /** Whether a name may be looked up in order to be reached at a port. */
    public Decision name(String name, int port) {
        for (Rule rule : rules) {
            if (rule.matchesName(name) && rule.matchesPort(port)) {
                return rule.deny ? Decision.DENIED : Decision.ALLOWED;
            }
        }
        return rules.stream().anyMatch(r -> !r.deny && r.matchesName(name)) ? Decision.PORT : Decision.HOST;
    }

    /** Whether a name may be looked up for any port. */
    public boolean mayResolve(String name) {
        for (Rule rule : rules) {
            if (rule.matchesName(name)) {
                if (!rule.deny) {
                    return true;
                }
                if (rule.egress.ports().isEmpty()) {
                    return false;
                }
            }
        }
        return false;
    }

    /**
     * Whether an address may be reached.
     *
     * @param name that was looked up and passed {@link #name}; empty: the address was asked for as such
     */
    public Decision address(Optional<String> name, InetAddress address, int port) {
        Decision first = Decision.ADDRESS;
        for (Rule rule : rules) {
            boolean matches = rule.matchesPort(port)
                    && (rule.matchesAddress(address)
                            || name.filter(rule::matchesName).isPresent());
            if (matches) {
                first = rule.deny ? Decision.DENIED : Decision.ALLOWED;
                break;
            }
        }
        if (first != Decision.ALLOWED || SpecialRanges.of(address).isEmpty()) {
            return first;
        }
        return opens(address, port) ? Decision.ALLOWED : Decision.SPECIAL;
    }

    /** Whether an address of a name may be told to who asks for it, whatever the port. */
    public boolean mayTell(InetAddress address) {
        if (SpecialRanges.of(address).isPresent()) {
            return rules.stream().anyMatch(r -> !r.deny && r.special && r.matchesAddress(address));
        }
        return true;
    }

    /** Whether an address of the host itself is meant: by a range within a special one, or by itself. */
    public boolean names(InetAddress address, int port) {
        int whole = address.getAddress().length * 8;
        return rules.stream()
                .anyMatch(r -> !r.deny
                        && r.matchesPort(port)
                        && r.matchesAddress(address)
                        && (r.special
                                || r.cidr.filter(c -> c.prefixLength() == whole).isPresent()));
    }

    /** The credential that a request to a name carries; empty: none. */
    public Optional<String> credential(String name, int port) {
        return rules.stream()
                .filter(r -> r.matchesName(name) && r.matchesPort(port))
                .findFirst()
                .flatMap(r -> r.egress.credential());
    }

    private boolean opens(InetAddress address, int port) {
        for (Rule rule : rules) {
            if (rule.matchesPort(port) && rule.matchesAddress(address)) {
                if (rule.deny) {
                    return false;
                }
                if (rule.special) {
                    return true;
                }
            }
        }
        return false;
    }

    /** How a question was answered. */
    public enum Decision {
        ALLOWED("", ""),
        HOST("host-not-allowed", "is not in this Tiny VM's egress allow-list"),
        PORT("port-not-allowed", "is in this Tiny VM's egress allow-list with other ports only"),
        DENIED("denied", "is denied by a rule of this Tiny VM's egress list"),
        ADDRESS("address-not-allowed", "is an address that no `cidr` of this Tiny VM's egress allow-list covers"),
        SPECIAL(
                "special-address",
                "has an address that is private or otherwise special, which only a `cidr` rule within that range opens");

        private final String code;
        private final String words;

        Decision(String code, String words) {
            this.code = code;
            this.words = words;
        }

        /** Stable, for programs. */
        public String code() {
            return code;
        }

        /** For people, after the name of what was asked for. */
        public String words() {
            return words;
        }
    }

    record Rule(Network.Egress egress, Optional<Cidr> cidr, boolean deny, boolean special) {
        static Rule of(Network.Egress egress) {
            Optional<Cidr> cidr = egress.cidr().isEmpty() ? Optional.empty() : Optional.of(Cidr.parse(egress.cidr()));
            return new Rule(
                    egress,
                    cidr,
                    egress.deny(),
                    cidr.filter(SpecialRanges::encloses).isPresent());
        }

        boolean matchesName(String name) {
            String host = egress.host();
            if (host.isEmpty()) {
                return false;
            }
            return host.equals("*") || (host.startsWith("*.") ? name.endsWith(host.substring(1)) : name.equals(host));
        }

        boolean matchesAddress(InetAddress address) {
            return cidr.isPresent() && cidr.get().contains(address);
        }

        /** A rule that denies and names no port means all of them. */
        boolean matchesPort(int port) {
            if (egress.ports().isEmpty()) {
                return deny || Network.Egress.DEFAULT_PORTS.contains(port);
            }
            return egress.ports().contains(port);
        }
    }
}
