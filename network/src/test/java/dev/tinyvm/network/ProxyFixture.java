package dev.tinyvm.network;

import dev.tinyvm.manager.EgressReport;
import dev.tinyvm.manager.LoopbackService.Port;
import dev.tinyvm.manager.LoopbackService.ServedVm;
import dev.tinyvm.spec.AgentSpec;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Network.Egress;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import javax.net.ssl.SSLSocketFactory;

/** A proxy with one Tiny VM, a resolver that knows what a test says, and clients inside. */
final class ProxyFixture implements AutoCloseable {
    static final String VM = "vm0000001";
    static final String NAME = "api.example.org";

    final Map<String, List<String>> names = new ConcurrentHashMap<>(Map.of(NAME, List.of("127.0.0.1")));
    final List<String> lookedUp = new CopyOnWriteArrayList<>();
    final AtomicLong out = new AtomicLong();
    final AtomicLong in = new AtomicLong();
    final EgressProxy proxy;
    /** What names are kept by. */
    final StandingClock clock = new StandingClock();

    private final List<SocketGuest> guests = new ArrayList<>();
    private List<Port> ports = List.of();

    ProxyFixture(Path logs) {
        this(logs, EgressLimits.DEFAULT, List.of(), (SSLSocketFactory) SSLSocketFactory.getDefault());
    }

    ProxyFixture(Path logs, EgressLimits limits, List<Credential> credentials, SSLSocketFactory tls) {
        proxy = new EgressProxy(
                logs,
                this::resolve,
                limits,
                credentials,
                (vm, sent, received) -> {
                    out.addAndGet(sent);
                    in.addAndGet(received);
                },
                tls,
                clock);
    }

    static EgressLimits limits(Duration head, Duration idle, long bytes, int connections) {
        EgressLimits d = EgressLimits.DEFAULT;
        return new EgressLimits(
                connections,
                d.connectionsInAll(),
                head,
                d.headSize(),
                d.keepAlive(),
                d.lookup(),
                d.connect(),
                idle,
                d.lifetime(),
                bytes);
    }

    /** A clock that a test sets. */
    static final class StandingClock extends Clock {
        private volatile Instant now = Instant.parse("2026-01-01T00:00:00Z");

        void advance(Duration by) {
            now = now.plus(by);
        }

        @Override
        public Instant instant() {
            return now;
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }

    private List<InetAddress> resolve(String name, Duration timeout) throws IOException {
        lookedUp.add(name);
        List<InetAddress> found = new ArrayList<>();
        for (String address : names.getOrDefault(name, List.of())) {
            found.add(InetAddress.getByName(address));
        }
        if (found.isEmpty()) {
            throw new UnknownHostException(name);
        }
        return found;
    }

    /** The name and the loopback, at those ports. */
    static Network open(Integer... ports) {
        return new Network(
                List.of(new Egress(NAME, "", List.of(ports)), new Egress("", "127.0.0.0/8", List.of(ports))));
    }

    static ServedVm vm(Network network) {
        return new ServedVm(
                VM,
                "a",
                "",
                Map.of(),
                AgentSpec.of("host").change().network(network).build(),
                "");
    }

    void allow(Network network) {
        ports = proxy.ports(vm(network));
    }

    void change(Network network) {
        proxy.changed(vm(network));
    }

    /** A connection from inside to the proxy, or to another port that it offers. */
    Socket connect(int port) throws IOException {
        SocketGuest guest = new SocketGuest();
        guests.add(guest);
        Port offered =
                ports.stream().filter(p -> p.number() == port).findFirst().orElseThrow();
        Thread.ofVirtual().start(() -> {
            try (guest) {
                offered.handler().accept(guest);
            }
        });
        return guest.inside;
    }

    /** A datagram from inside to a port that it offers; empty: no answer. */
    Optional<byte[]> ask(int port, byte[] datagram) {
        return ports.stream()
                .filter(p -> p.number() == port)
                .findFirst()
                .flatMap(Port::datagrams)
                .orElseThrow()
                .apply(datagram);
    }

    Socket connect() throws IOException {
        return connect(EgressProxy.PORT);
    }

    /** Sends all, and reads to the end of the connection. */
    String exchange(String text) throws IOException {
        Socket socket = connect();
        send(socket, text);
        return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    }

    static void send(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Reads until so much has come. */
    static String read(Socket socket, String last) throws IOException {
        StringBuilder text = new StringBuilder();
        while (text.indexOf(last) < 0) {
            int b = socket.getInputStream().read();
            if (b < 0) {
                throw new IOException("ended after: " + text);
            }
            text.append((char) b);
        }
        return text.toString();
    }

    EgressReport report() {
        return proxy.egress(vm(Network.NONE), 100).orElseThrow();
    }

    List<String> log() {
        return report().log();
    }

    static void eventually(BooleanSupplier condition, String what) {
        long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("not within a minute: " + what);
            }
            java.util.concurrent.locks.LockSupport.parkNanos(2_000_000);
        }
    }

    @Override
    public void close() throws IOException {
        proxy.close();
        for (SocketGuest guest : guests) {
            guest.inside.close();
            guest.close();
        }
    }

    static String get(int port, String path, String... headers) {
        StringBuilder text = new StringBuilder(
                "GET http://" + NAME + ":" + port + path + " HTTP/1.1\r\nHost: " + NAME + ":" + port + "\r\n");
        Arrays.stream(headers).forEach(h -> text.append(h).append("\r\n"));
        return text.append("\r\n").toString();
    }
}
