package dev.tinyvm.network;

import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.manager.RoutedNetworks;
import dev.tinyvm.network.dns.DnsMessage;
import dev.tinyvm.network.dns.DnsMessage.Code;
import dev.tinyvm.network.rules.EgressRules;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a Tiny VM is told of names. Only names that a rule allows are looked up, by the host's own resolver; all others do not exist here. Special addresses
 * of an allowed name are left out unless a rule opens them. A Tiny VM with a routed interface gets an answer when the kernel lets its addresses through. Any thread; blocks.
 */
final class DnsAnswers {
    private static final Logger LOG = LoggerFactory.getLogger(DnsAnswers.class);
    /** What everybody takes over UDP, RFC 1035 section 4.2.1. */
    private static final int MOST_DATAGRAM_BYTES = 512;

    private final VmEgress vm;
    private final Resolver resolver;
    private final Supplier<RoutedNetworks> networks;
    private final EgressLimits limits;

    DnsAnswers(VmEgress vm, Resolver resolver, Supplier<RoutedNetworks> networks, EgressLimits limits) {
        this.vm = vm;
        this.resolver = resolver;
        this.networks = networks;
        this.limits = limits;
    }

    /** Over UDP. Empty: it is no query. */
    Optional<byte[]> datagram(byte[] query) {
        return DnsMessage.parse(query).map(message -> answer(message, MOST_DATAGRAM_BYTES));
    }

    /** Over TCP. */
    byte[] answer(DnsMessage query) {
        return answer(query, Integer.MAX_VALUE);
    }

    private byte[] answer(DnsMessage query, int mostBytes) {
        EgressRules rules = vm.rules();
        if (!rules.mayResolve(query.name())) {
            vm.refused("dns", query.name(), 403, "host-not-allowed");
            return query.answer(Code.NO_SUCH_NAME, List.of());
        }
        if (query.type() != DnsMessage.A && query.type() != DnsMessage.AAAA) {
            return query.answer(Code.OK, List.of());
        }
        try {
            List<InetAddress> addresses = resolver.resolve(query.name(), limits.lookup()).stream()
                    .filter(rules::mayTell)
                    .toList();
            vm.answering(query.name(), addresses, networks.get());
            return query.answer(Code.OK, addresses, mostBytes);
        } catch (UnknownHostException e) {
            return query.answer(Code.NO_SUCH_NAME, List.of());
        } catch (IOException e) {
            vm.refused("dns", query.name(), 504, "name-timeout");
            return query.answer(Code.FAILURE, List.of());
        } catch (ManagerException e) {
            LOG.warn("{} cannot be answered in {}: {}", query.name(), vm.id(), e.getMessage());
            vm.refused("dns", query.name(), 502, "interface-failed");
            return query.answer(Code.FAILURE, List.of());
        }
    }
}
