package dev.tinyvm.spec;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What a Tiny VM may reach, and by what. Nothing by default: it has only its own loopback.
 *
 * @param egress the destinations that the host's proxy and a routed interface let through; empty: none
 * @param attachment the interface it has beside its loopback
 */
public record Network(List<Egress> egress, Attachment attachment) {
    /** Nothing may be reached. */
    public static final Network NONE = new Network(List.of());

    public Network {
        egress = List.copyOf(egress);
    }

    /** Rules for the proxy alone. */
    public Network(List<Egress> egress) {
        this(egress, Attachment.NONE);
    }

    /** The same rules with another interface. */
    public Network with(Attachment changed) {
        return new Network(egress, changed);
    }

    /** Whether it has a routed interface. */
    public boolean routed() {
        return attachment == Attachment.ROUTED;
    }

    /** What a Tiny VM has beside its loopback. */
    public enum Attachment {
        /** Nothing. */
        NONE,
        /** An interface {@code eth0} whose packets the host forwards, to what {@code egress} allows. */
        ROUTED;

        /** The word in a descriptor, such as {@code routed}. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
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
