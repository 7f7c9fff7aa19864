package dev.tinyvm.network.rules;

import dev.tinyvm.spec.Cidr;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The addresses that are not the public internet, after the IANA registries of special-purpose addresses (RFC 6890 and its successors). Only a range of an
 * allow-list that lies within one of these opens a part of it: {@code 0.0.0.0/0} opens none.
 */
public final class SpecialRanges {
    private static final List<Range> IPV4 = List.of(
            range("169.254.169.254/32", "the cloud's metadata service"),
            range("0.0.0.0/8", "this network"),
            range("10.0.0.0/8", "private"),
            range("100.64.0.0/10", "shared by carriers"),
            range("127.0.0.0/8", "loopback"),
            range("169.254.0.0/16", "link-local"),
            range("172.16.0.0/12", "private"),
            range("192.0.0.0/24", "reserved"),
            range("192.0.2.0/24", "documentation"),
            range("192.88.99.0/24", "reserved"),
            range("192.168.0.0/16", "private"),
            range("198.18.0.0/15", "benchmarking"),
            range("198.51.100.0/24", "documentation"),
            range("203.0.113.0/24", "documentation"),
            range("224.0.0.0/4", "multicast"),
            range("240.0.0.0/4", "reserved"));

    private static final List<Cidr> IPV4_OUTERMOST = IPV4.stream()
            .map(Range::cidr)
            .filter(range -> IPV4.stream().noneMatch(other -> !other.cidr.equals(range) && other.cidr.encloses(range)))
            .toList();

    private static final List<Range> IPV6 = List.of(
            range("::1/128", "loopback"),
            range("fd00:ec2::254/128", "the cloud's metadata service"),
            range("fc00::/7", "private"),
            range("fe80::/10", "link-local"),
            range("ff00::/8", "multicast"),
            range("2001::/23", "reserved"),
            range("2001:db8::/32", "documentation"),
            range("2002::/16", "6to4"),
            range("3fff::/20", "documentation"),
            // What follows is everything beside global unicast, 2000::/3.
            range("::/3", "reserved"),
            range("4000::/2", "reserved"),
            range("8000::/1", "reserved"));

    /** IPv4 behind a translator (RFC 6052): as private as the address within. */
    private static final Cidr TRANSLATED = Cidr.parse("64:ff9b::/96");

    private SpecialRanges() {}

    /** What kind of special address this is, in a word or two; empty: it is a public one. */
    public static Optional<String> of(InetAddress address) {
        InetAddress plain = untranslated(address);
        return (plain instanceof Inet4Address ? IPV4 : IPV6)
                .stream().filter(r -> r.cidr.contains(plain)).map(Range::kind).findFirst();
    }

    /** Whether the whole of a range is special. */
    public static boolean encloses(Cidr range) {
        List<Range> all = range.address() instanceof Inet4Address ? IPV4 : IPV6;
        return all.stream().anyMatch(r -> r.cidr.encloses(range));
    }

    /** All of IPv4, none within another. */
    static List<Cidr> ipv4() {
        return IPV4_OUTERMOST;
    }

    private static InetAddress untranslated(InetAddress address) {
        if (!TRANSLATED.contains(address)) {
            return address;
        }
        try {
            return InetAddress.getByAddress(Arrays.copyOfRange(address.getAddress(), 12, 16));
        } catch (UnknownHostException e) {
            throw new IllegalStateException("four bytes are an address", e);
        }
    }

    private static Range range(String cidr, String kind) {
        return new Range(Cidr.parse(cidr), kind);
    }

    private record Range(Cidr cidr, String kind) {}
}
