package dev.tinyvm.network;

import dev.tinyvm.network.rules.Destination;
import dev.tinyvm.network.rules.EgressRules;
import dev.tinyvm.network.rules.EgressRules.Decision;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/**
 * Judges a destination and connects to it. A name is looked up once, only when a rule allows the name; every address it has is judged; and the connection goes to an address
 * that was judged. Nothing is looked up a second time in between, which is what DNS rebinding would need.
 */
final class Dialer {
    private static final Duration OWN_ADDRESSES_AGE = Duration.ofSeconds(10);
    private static final int MOST_ADDRESSES = 8;

    private final Resolver resolver;
    private final EgressLimits limits;
    private final SSLSocketFactory tlsSockets;
    private volatile Own own = new Own(Set.of(), Long.MIN_VALUE);

    Dialer(Resolver resolver, EgressLimits limits, SSLSocketFactory tlsSockets) {
        this.resolver = resolver;
        this.limits = limits;
        this.tlsSockets = tlsSockets;
    }

    /** A connected socket and where it leads. */
    record Dialed(Socket socket, InetAddress address) {}

    /**
     * @throws Refusal it is not allowed, or there is no connection
     */
    Dialed dial(EgressRules rules, Destination destination, boolean tls) throws IOException {
        List<InetAddress> addresses = judged(rules, destination);
        long deadline = System.nanoTime() + limits.connect().toNanos();
        IOException last = new IOException("it has no address");
        for (int i = 0; i < addresses.size(); i++) {
            long left = (deadline - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                break;
            }
            long share = i + 1 < addresses.size() ? Math.max(1, Math.min(left, 3_000)) : left;
            try {
                return new Dialed(connect(destination, addresses.get(i), tls, (int) share), addresses.get(i));
            } catch (IOException e) {
                last = e;
            }
        }
        throw failure(destination, last);
    }

    /** Whether an open connection would be allowed under other rules. */
    Decision judge(EgressRules rules, Destination destination, InetAddress address) {
        if (destination.literal().isPresent()) {
            return judge(rules, Optional.empty(), address, destination.port());
        }
        Decision name = rules.name(destination.name(), destination.port());
        return name == Decision.ALLOWED
                ? judge(rules, Optional.of(destination.name()), address, destination.port())
                : name;
    }

    /** The ports at which a name may be reached at one of its addresses. */
    List<Integer> portsOf(EgressRules rules, String name, InetAddress address) {
        return rules.portsAbout(name, address).stream()
                .filter(port ->
                        judge(rules, new Destination(name, Optional.empty(), port), address) == Decision.ALLOWED)
                .toList();
    }

    private List<InetAddress> judged(EgressRules rules, Destination destination) throws IOException {
        if (destination.literal().isPresent()) {
            InetAddress address = destination.literal().get();
            Decision decision = judge(rules, Optional.empty(), address, destination.port());
            if (decision != Decision.ALLOWED) {
                throw refused(destination, decision);
            }
            return List.of(address);
        }
        Decision decision = rules.name(destination.name(), destination.port());
        if (decision != Decision.ALLOWED) {
            throw refused(destination, decision);
        }
        List<InetAddress> fine = new ArrayList<>();
        for (InetAddress address : lookUp(destination)) {
            Decision one = judge(rules, Optional.of(destination.name()), address, destination.port());
            if (one == Decision.ALLOWED) {
                fine.add(address);
            } else {
                decision = one;
            }
        }
        if (fine.isEmpty()) {
            throw refused(destination, decision);
        }
        return fine.subList(0, Math.min(fine.size(), MOST_ADDRESSES));
    }

    private Decision judge(EgressRules rules, Optional<String> name, InetAddress address, int port) {
        Decision decision = rules.address(name, address, port);
        // The host's own address may be a public one, and what listens there may trust the host.
        if (decision == Decision.ALLOWED && ownAddresses().contains(address) && !rules.names(address, port)) {
            return Decision.SPECIAL;
        }
        return decision;
    }

    private List<InetAddress> lookUp(Destination destination) throws Refusal {
        try {
            return resolver.resolve(destination.name(), limits.lookup());
        } catch (UnknownHostException e) {
            throw new Refusal(502, "name-unknown", "the host's resolver knows no address of " + destination.name());
        } catch (IOException e) {
            throw new Refusal(504, "name-timeout", "could not look " + destination.name() + " up: " + e.getMessage());
        }
    }

    private Socket connect(Destination destination, InetAddress address, boolean tls, int millis) throws IOException {
        long deadline = System.nanoTime() + millis * 1_000_000L;
        Socket socket = new Socket();
        try {
            socket.setTcpNoDelay(true);
            socket.connect(new InetSocketAddress(address, destination.port()), millis);
            if (!tls) {
                return socket;
            }
            SSLSocket secure =
                    (SSLSocket) tlsSockets.createSocket(socket, destination.name(), destination.port(), true);
            SSLParameters parameters = secure.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            if (destination.literal().isEmpty()) {
                parameters.setServerNames(List.of(new SNIHostName(destination.name())));
            }
            secure.setSSLParameters(parameters);
            secure.setSoTimeout((int) Math.max(1, (deadline - System.nanoTime()) / 1_000_000));
            secure.startHandshake();
            secure.setSoTimeout(0);
            return secure;
        } catch (IOException | RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    private static Refusal refused(Destination destination, Decision decision) {
        String remedy = destination.literal().isPresent()
                ? "cidr " + destination.name() + (destination.literal().get().getAddress().length == 4 ? "/32" : "/128")
                : "host " + destination.name();
        return new Refusal(
                403,
                decision.code(),
                destination + " " + decision.words() + "; whoever runs this Tiny VM can allow it: network.egress, "
                        + remedy + ", port " + destination.port());
    }

    private static Refusal failure(Destination destination, IOException cause) {
        if (cause instanceof SocketTimeoutException) {
            return new Refusal(504, "connect-timeout", destination + " did not answer in time");
        }
        if (cause instanceof SSLException) {
            return new Refusal(502, "tls-failed", "no TLS with " + destination + ": " + cause.getMessage());
        }
        return new Refusal(502, "connect-failed", "could not connect to " + destination + ": " + cause.getMessage());
    }

    private Set<InetAddress> ownAddresses() {
        Own known = own;
        long now = System.nanoTime();
        if (known.readNanos == Long.MIN_VALUE || now - known.readNanos > OWN_ADDRESSES_AGE.toNanos()) {
            try {
                known = new Own(
                        NetworkInterface.networkInterfaces()
                                .flatMap(NetworkInterface::inetAddresses)
                                .map(Dialer::withoutScope)
                                .collect(Collectors.toUnmodifiableSet()),
                        now);
                own = known;
            } catch (SocketException e) {
                throw new IllegalStateException("could not list the host's own addresses", e);
            }
        }
        return known.addresses;
    }

    private static InetAddress withoutScope(InetAddress address) {
        try {
            return InetAddress.getByAddress(address.getAddress());
        } catch (UnknownHostException e) {
            throw new IllegalStateException("an address has 4 or 16 bytes", e);
        }
    }

    private record Own(Set<InetAddress> addresses, long readNanos) {}
}
