package dev.tinyvm.network;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.manager.RoutedNetworks;
import dev.tinyvm.network.dns.DnsMessage;
import dev.tinyvm.network.dns.DnsMessage.Code;
import dev.tinyvm.network.rules.EgressRules;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * DNS over one TCP connection of a Tiny VM (RFC 7766). Only names that a rule allows are looked up, by the host's own resolver; all others do not exist here. Special addresses
 * of an allowed name are left out unless a rule opens them. A Tiny VM with a routed interface gets an answer when the kernel lets its addresses through.
 */
final class DnsConnection {
    private static final Logger LOG = LoggerFactory.getLogger(DnsConnection.class);
    private static final int MOST_QUERIES = 1_000;
    private static final int QUERY_BYTES = 4_096;

    private final VmEgress vm;
    private final Resolver resolver;
    private final RoutedNetworks networks;
    private final EgressLimits limits;
    private final GuestConnection client;
    private final ConnectionGuard guard;

    DnsConnection(
            VmEgress vm,
            Resolver resolver,
            RoutedNetworks networks,
            EgressLimits limits,
            ScheduledExecutorService timer,
            GuestConnection client) {
        this.vm = vm;
        this.resolver = resolver;
        this.networks = networks;
        this.limits = limits;
        this.client = client;
        this.guard = new ConnectionGuard(timer, limits, client::close);
    }

    void serve() {
        try (guard) {
            DataInputStream in = new DataInputStream(client.input());
            DataOutputStream out = new DataOutputStream(client.output());
            for (int i = 0; i < MOST_QUERIES; i++) {
                guard.within(limits.head());
                byte[] query = new byte[size(in)];
                in.readFully(query);
                guard.within(limits.lookup().plus(limits.head()));
                Optional<DnsMessage> message = DnsMessage.parse(query);
                if (message.isEmpty()) {
                    return;
                }
                byte[] answer = answer(message.get());
                byte[] framed = new byte[answer.length + 2];
                framed[0] = (byte) (answer.length >> 8);
                framed[1] = (byte) answer.length;
                System.arraycopy(answer, 0, framed, 2, answer.length);
                out.write(framed);
                out.flush();
            }
        } catch (IOException e) {
            // The client has gone, or was too slow.
        }
    }

    private static int size(DataInputStream in) throws IOException {
        int size = in.readUnsignedShort();
        if (size > QUERY_BYTES) {
            throw new EOFException("a query of " + size + " bytes");
        }
        return size;
    }

    private byte[] answer(DnsMessage query) {
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
            vm.answering(query.name(), addresses, networks);
            return query.answer(Code.OK, addresses);
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
