package dev.tinyvm.e2b;

import dev.tinyvm.e2b.NetworkRules.Rule;
import dev.tinyvm.spec.Cidr;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Network.Egress;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * E2B's network settings as rules for the egress proxy. What the manager's configuration allows ({@code e2b.egress}) is what a sandbox has by default and the most that it can
 * have; its own settings narrow it: {@code allowOut} wins over {@code denyOut}, as E2B has it, and {@code allow_internet_access: false} denies all else. Without
 * {@code e2b.egress} a sandbox has what its {@code allowOut} names.
 */
final class SandboxEgress {
    private SandboxEgress() {}

    /** @param most empty: the configuration says nothing */
    static Network of(List<Egress> most, NetworkRules wish, boolean internet) {
        if (most.isEmpty()) {
            return new Network(
                    wish.network().egress().stream().map(SandboxEgress::normal).toList());
        }
        List<Egress> open = most.stream().filter(m -> !m.deny()).toList();
        List<Egress> rules = new ArrayList<>(most.stream().filter(Egress::deny).toList());
        wish.allow().forEach(a -> open.forEach(m -> both(m, a).ifPresent(rules::add)));
        if (internet && !wish.deniesAll()) {
            wish.deny().forEach(d -> rules.add(denial(d)));
            rules.addAll(open);
        }
        return rules.stream().allMatch(Egress::deny) ? Network.NONE : new Network(rules);
    }

    private static Egress denial(Rule rule) {
        return new Egress(
                "", range(rule.host()), rule.port() == 0 ? List.of() : List.of(rule.port()), true, Optional.empty());
    }

    private static Egress normal(Egress rule) {
        return rule.cidr().isEmpty() ? rule : new Egress("", range(rule.cidr()), rule.ports());
    }

    /** What two rules allow both, with the credential of the first. */
    private static Optional<Egress> both(Egress most, Rule wish) {
        List<Integer> mostPorts = most.ports().isEmpty() ? Egress.DEFAULT_PORTS : most.ports();
        if (wish.port() != 0 && !mostPorts.contains(wish.port())) {
            return Optional.empty();
        }
        List<Integer> ports = wish.port() == 0 ? most.ports() : List.of(wish.port());
        boolean everything = wish.host().equals("0.0.0.0/0");
        if (!most.host().isEmpty() && (wish.domain() || everything)) {
            return narrower(most.host(), everything ? "*" : wish.host())
                    .map(host -> new Egress(host, "", ports, false, most.credential()));
        }
        if (most.cidr().isEmpty() || wish.domain()) {
            return Optional.empty();
        }
        String range = range(wish.host());
        Cidr one = Cidr.parse(most.cidr());
        Cidr other = Cidr.parse(range);
        boolean oneIsNarrower = one.prefixLength() >= other.prefixLength();
        boolean within = oneIsNarrower ? other.contains(one.address()) : one.contains(other.address());
        return within ? Optional.of(new Egress("", oneIsNarrower ? most.cidr() : range, ports)) : Optional.empty();
    }

    private static Optional<String> narrower(String one, String other) {
        return covers(one, other) ? Optional.of(other) : covers(other, one) ? Optional.of(one) : Optional.empty();
    }

    private static boolean covers(String pattern, String other) {
        return pattern.equals("*")
                || pattern.equals(other)
                || (pattern.startsWith("*.") && other.endsWith(pattern.substring(1)));
    }

    /** E2B takes {@code 10.0.0.1/8} for {@code 10.0.0.0/8}; here a range begins with its first address. */
    private static String range(String cidr) {
        int slash = cidr.indexOf('/');
        InetAddress address = InetAddress.ofLiteral(cidr.substring(0, slash));
        byte[] bytes = address.getAddress();
        int prefix = Math.min(Integer.parseInt(cidr.substring(slash + 1)), bytes.length * 8);
        for (int bit = prefix; bit < bytes.length * 8; bit++) {
            bytes[bit / 8] &= (byte) ~(0x80 >> bit % 8);
        }
        try {
            return InetAddress.getByAddress(bytes).getHostAddress() + "/" + prefix;
        } catch (UnknownHostException e) {
            throw new IllegalStateException("an address has 4 or 16 bytes", e);
        }
    }
}
