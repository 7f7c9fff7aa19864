package dev.tinyvm.engine;

import dev.tinyvm.spec.Cidr;
import java.util.List;

/**
 * One line of the list that the kernel holds for a routed interface. The first line that matches decides; what none matches is refused.
 *
 * @param deny refuses what it matches
 * @param range of destination addresses; lines of IPv6 are held, though nothing is routed there
 * @param ports of the destination, at most {@value #MOST_PORT_RANGES} ranges; empty: all
 * @param protocol which it is about
 */
public record RoutedRule(boolean deny, Cidr range, List<PortRange> ports, Protocol protocol) {
    /** Of one list. */
    public static final int MOST_RULES = 1_024;

    /** Of one line. */
    public static final int MOST_PORT_RANGES = 8;

    public RoutedRule {
        ports = List.copyOf(ports);
        if (ports.size() > MOST_PORT_RANGES) {
            throw new IllegalArgumentException(
                    "a line has " + ports.size() + " ranges of ports; at most " + MOST_PORT_RANGES + " are held");
        }
    }

    /** @param first 1 to 65,535 @param last not smaller, included */
    public record PortRange(int first, int last) {
        public PortRange {
            if (first < 1 || last < first || last > 65_535) {
                throw new IllegalArgumentException(first + " to " + last + " is no range of ports");
            }
        }
    }

    /** What a line is about. */
    public enum Protocol {
        TCP,
        UDP,
        TCP_AND_UDP
    }
}
