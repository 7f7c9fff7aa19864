package dev.tinyvm.network.rules;

import dev.tinyvm.engine.RoutedRule;
import dev.tinyvm.engine.RoutedRule.PortRange;
import dev.tinyvm.engine.RoutedRule.Protocol;
import dev.tinyvm.network.rules.EgressRules.Rule;
import dev.tinyvm.spec.Cidr;
import dev.tinyvm.spec.Network;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * An allow-list as the kernel can hold it for a routed interface: addresses only, first match decides. It comes to the same as {@link EgressRules#address} does for an
 * address that is asked for as such; {@code RoutedListTest} compares the two at random.
 *
 * <p>The kernel sees no names, so addresses that names were answered with come first, each with the ports that were judged for it. Then comes what decides about special
 * addresses: rules that deny, cut down to special ranges, and ranges within such, in their order; and all special ranges are refused that are left. Then comes the rest, for
 * public addresses. IPv6 is not routed and has no line.
 */
public final class RoutedList {
    private RoutedList() {}

    /**
     * An address that an allowed name was answered with.
     *
     * @param ports which the name may be reached at, there
     */
    public record Opened(InetAddress address, List<Integer> ports) {
        public Opened {
            ports = List.copyOf(ports);
        }
    }

    /**
     * @param opened oldest first; the oldest are left out when there are more than fit
     * @return more than {@link RoutedRule#MOST_RULES} only when the rules alone come to more
     */
    public static List<RoutedRule> of(EgressRules rules, List<Opened> opened) {
        List<Rule> ranges = rules.rules().stream()
                .filter(rule -> rule.cidr()
                        .filter(cidr -> cidr.address() instanceof Inet4Address)
                        .isPresent())
                .toList();
        Set<RoutedRule> fixed = new LinkedHashSet<>();
        List<Rule> open = upToTheLastThatAllows(
                ranges.stream().filter(rule -> rule.deny() || !rule.special()).toList());
        special(ranges, !open.isEmpty(), fixed);
        open.stream()
                .filter(rule -> !rule.special())
                .forEach(rule -> fixed.addAll(lines(rule, rule.cidr().orElseThrow())));
        List<RoutedRule> names = new ArrayList<>();
        for (int i = opened.size() - 1; i >= 0; i--) {
            List<RoutedRule> lines = lines(opened.get(i));
            if (names.size() + lines.size() + fixed.size() <= RoutedRule.MOST_RULES) {
                names.addAll(lines);
            }
        }
        names.addAll(fixed);
        return List.copyOf(names);
    }

    /** @param others whether lines follow that would allow special addresses */
    private static void special(List<Rule> ranges, boolean others, Set<RoutedRule> lines) {
        for (Rule rule : upToTheLastThatAllows(
                ranges.stream().filter(rule -> rule.deny() || rule.special()).toList())) {
            Cidr range = rule.cidr().orElseThrow();
            if (rule.special()) {
                lines.addAll(lines(rule, range));
            } else {
                SpecialRanges.ipv4().stream()
                        .filter(range::encloses)
                        .forEach(within -> lines.addAll(lines(rule, within)));
            }
        }
        if (others) {
            SpecialRanges.ipv4()
                    .forEach(range -> lines.add(new RoutedRule(true, range, List.of(), Protocol.TCP_AND_UDP)));
        }
    }

    /** What is denied after that is refused anyway. */
    private static List<Rule> upToTheLastThatAllows(List<Rule> rules) {
        int end = rules.size();
        while (end > 0 && rules.get(end - 1).deny()) {
            end--;
        }
        return rules.subList(0, end);
    }

    private static List<RoutedRule> lines(Opened opened) {
        if (!(opened.address() instanceof Inet4Address)) {
            return List.of();
        }
        return lines(false, new Cidr(opened.address(), 32), opened.ports());
    }

    private static List<RoutedRule> lines(Rule rule, Cidr range) {
        List<Integer> ports = rule.egress().ports();
        if (ports.isEmpty() && rule.deny()) {
            return List.of(new RoutedRule(true, range, List.of(), Protocol.TCP_AND_UDP));
        }
        return lines(rule.deny(), range, ports.isEmpty() ? Network.Egress.DEFAULT_PORTS : ports);
    }

    /** A line holds few ranges of ports: there may be several. None when there is no port. */
    private static List<RoutedRule> lines(boolean deny, Cidr range, List<Integer> ports) {
        List<PortRange> all = new ArrayList<>();
        for (int port : new TreeSet<>(ports)) {
            if (!all.isEmpty() && all.getLast().last() == port - 1) {
                all.set(all.size() - 1, new PortRange(all.getLast().first(), port));
            } else {
                all.add(new PortRange(port, port));
            }
        }
        List<RoutedRule> lines = new ArrayList<>();
        for (int from = 0; from < all.size(); from += RoutedRule.MOST_PORT_RANGES) {
            lines.add(new RoutedRule(
                    deny,
                    range,
                    all.subList(from, Math.min(all.size(), from + RoutedRule.MOST_PORT_RANGES)),
                    deny ? Protocol.TCP_AND_UDP : Protocol.TCP));
        }
        return lines;
    }
}
