package dev.tinyvm.spec;

import java.util.List;
import java.util.Optional;

/**
 * What a Tiny VM may reach. Nothing by default: it has only its own loopback.
 *
 * @param egress the destinations that the host's proxy lets through; empty: none
 */
public record Network(List<Egress> egress) {
    /** Nothing may be reached. */
    public static final Network NONE = new Network(List.of());

    public Network {
        egress = List.copyOf(egress);
    }

    /**
     * One rule of the allow-list: a host name or an address range, never both.
     *
     * @param host lower-case DNS name, {@code *.example.org} for all names below it, {@code *} for any; empty when {@code cidr} is given
     * @param cidr address range such as {@code 10.0.0.0/8}, the only way to private addresses; empty when {@code host} is given
     * @param ports TCP ports; empty: 80 and 443, for a rule that denies all
     * @param deny refuses what it matches; the first rule that matches decides
     * @param credential name of a credential in the manager's configuration that plain HTTP requests to the host carry; empty: none
     */
    public record Egress(String host, String cidr, List<Integer> ports, boolean deny, Optional<String> credential) {
        /** Ports of a rule that names none. */
        public static final List<Integer> DEFAULT_PORTS = List.of(80, 443);

        public Egress {
            ports = List.copyOf(ports);
        }

        /** A rule that allows. */
        public Egress(String host, String cidr, List<Integer> ports) {
            this(host, cidr, ports, false, Optional.empty());
        }
    }
}
