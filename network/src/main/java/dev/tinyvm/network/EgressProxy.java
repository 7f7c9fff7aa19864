package dev.tinyvm.network;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.RoutedRule;
import dev.tinyvm.manager.EgressReport;
import dev.tinyvm.manager.LoopbackService;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.manager.RoutedNetworks;
import dev.tinyvm.network.rules.EgressRules;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import javax.net.ssl.SSLSocketFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The way out of a Tiny VM: an HTTP proxy on port {@value #PORT} and a DNS server on port 53 of its own loopback, which reach what its descriptor's {@code network.egress}
 * allows, and nothing else. A Tiny VM whose list allows nothing has neither.
 *
 * <p>Nothing here needs a network in the Tiny VM: connections come over the guest link. Each is served on its own virtual thread. Rules may change at any time.
 */
public final class EgressProxy implements LoopbackService, AutoCloseable {
    /** Of the HTTP proxy. */
    public static final int PORT = 3128;

    private static final Logger LOG = LoggerFactory.getLogger(EgressProxy.class);
    private static final int DNS_PORT = 53;
    private static final Duration OLD_NAMES = Duration.ofSeconds(30);
    private static final String URL = "http://127.0.0.1:" + PORT;
    private static final String NO_PROXY = "127.0.0.1,localhost,::1";
    private static final byte[] BUSY = """
            HTTP/1.1 503 Service Unavailable\r
            X-TinyVM-Egress: too-many-connections\r
            Retry-After: 1\r
            Content-Length: 0\r
            Connection: close\r
            \r
            """.getBytes(StandardCharsets.US_ASCII);

    /** Until the manager is there, nothing can be told, so that no name of a Tiny VM with an interface is answered. */
    private static final RoutedNetworks NOBODY_YET = new RoutedNetworks() {
        @Override
        public void refresh(String vm) {
            throw new ManagerException(ManagerException.Code.UNAVAILABLE, "the manager is starting");
        }

        @Override
        public Set<InetAddress> peers(String vm) {
            throw new ManagerException(ManagerException.Code.UNAVAILABLE, "the manager is starting");
        }
    };

    private final Clock clock;
    private final Path logs;
    private final Resolver resolver;
    private final EgressLimits limits;
    private final Credentials credentials;
    private final EgressMeter meter;
    private final Dialer dialer;
    private final Semaphore room;
    private final ScheduledThreadPoolExecutor timer;
    private final ConcurrentMap<String, VmEgress> vms = new ConcurrentHashMap<>();
    private volatile Function<String, AutoCloseable> hold = vm -> () -> {};
    private volatile RoutedNetworks networks = NOBODY_YET;

    /**
     * @param logs directory of the logs, made when needed
     * @param meter told of each byte
     */
    public EgressProxy(
            Path logs, Resolver resolver, EgressLimits limits, List<Credential> credentials, EgressMeter meter) {
        this(
                logs,
                resolver,
                limits,
                credentials,
                meter,
                (SSLSocketFactory) SSLSocketFactory.getDefault(),
                Clock.systemUTC());
    }

    EgressProxy(
            Path logs,
            Resolver resolver,
            EgressLimits limits,
            List<Credential> credentials,
            EgressMeter meter,
            SSLSocketFactory tlsSockets,
            Clock clock) {
        this.clock = clock;
        this.logs = logs;
        this.resolver = resolver;
        this.limits = limits;
        this.credentials = new Credentials(credentials);
        this.meter = meter;
        this.dialer = new Dialer(resolver, limits, tlsSockets);
        this.room = new Semaphore(limits.connectionsInAll());
        this.timer = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().daemon().name("tinyvm-egress-timer").factory());
        timer.setRemoveOnCancelPolicy(true);
        ScheduledFuture<?> _ = timer.scheduleWithFixedDelay(
                () -> vms.forEach((id, vm) -> {
                    if (vm.names().anyOld()) {
                        Thread.ofVirtual().name(id + "-names").start(() -> forgetOldNames(id));
                    }
                }),
                OLD_NAMES.toSeconds(),
                OLD_NAMES.toSeconds(),
                TimeUnit.SECONDS);
    }

    @Override
    public Map<String, String> environment(ServedVm vm) {
        if (new EgressRules(vm.spec().network()).allowsNothing()) {
            return Map.of();
        }
        Map<String, String> variables = new LinkedHashMap<>();
        for (String name : List.of("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")) {
            variables.put(name, URL);
        }
        variables.put("NO_PROXY", NO_PROXY);
        variables.put("no_proxy", NO_PROXY);
        // Node.js from 22.21 and 24 on; older ones pass it over.
        variables.put("NODE_USE_ENV_PROXY", "1");
        return variables;
    }

    @Override
    public List<Port> ports(ServedVm vm) {
        VmEgress egress = of(vm.id());
        changed(vm);
        if (egress.rules().allowsNothing()) {
            return List.of();
        }
        DnsAnswers names = new DnsAnswers(egress, resolver, () -> networks, limits);
        return List.of(
                new Port(PORT, bounded(egress, true, c -> proxy(egress, c).serve())),
                new Port(
                        DNS_PORT,
                        bounded(egress, false, c -> new DnsConnection(names, limits, timer, c).serve()),
                        Optional.of(query -> bounded(egress, names, query))));
    }

    @Override
    public void changed(ServedVm vm) {
        VmEgress egress = of(vm.id());
        if (!egress.rules().network().equals(vm.spec().network())) {
            egress.rules(new EgressRules(vm.spec().network()), dialer);
        }
    }

    @Override
    public Optional<List<RoutedRule>> routed(ServedVm vm) {
        VmEgress egress = of(vm.id());
        EgressRules now = egress.rules();
        // Rules that are not stored yet are asked about, too.
        EgressRules asked = now.network().equals(vm.spec().network())
                ? now
                : new EgressRules(vm.spec().network());
        return Optional.of(egress.routed(asked, dialer));
    }

    @Override
    public void removed(String vm) {
        VmEgress egress = vms.remove(vm);
        if (egress != null) {
            egress.cut();
            egress.names().clear();
        }
        log(vm, egress).delete();
    }

    @Override
    public Optional<EgressReport> egress(ServedVm vm, int mostLines) {
        VmEgress egress = vms.get(vm.id());
        List<String> lines = log(vm.id(), egress).last(mostLines);
        return Optional.of(
                egress == null
                        ? new EgressReport(vm.spec().network(), 0, 0, 0, 0, 0, lines)
                        : egress.report(vm.spec().network(), lines));
    }

    /**
     * Who is told of what is under way: a Tiny VM with an open request or tunnel is not idle.
     *
     * @param holder called when something begins, with the id; what it returns is closed at its end
     */
    public void holdWith(Function<String, AutoCloseable> holder) {
        hold = holder;
    }

    /** Who tells the kernel of addresses that names were answered with. */
    public void routeWith(RoutedNetworks changed) {
        networks = changed;
    }

    /** How many requests and tunnels are open: a Tiny VM with one is not idle. */
    public int underWay(String vm) {
        VmEgress egress = vms.get(vm);
        return egress == null ? 0 : egress.underWay();
    }

    @Override
    public void close() {
        vms.values().forEach(vm -> {
            vm.cut();
            vm.log().close();
        });
        timer.shutdownNow();
    }

    ProxyConnection proxy(VmEgress egress, GuestConnection client) {
        return new ProxyConnection(egress, dialer, credentials, limits, timer, client);
    }

    private VmEgress of(String vm) {
        return vms.computeIfAbsent(
                vm,
                id -> new VmEgress(
                        id,
                        new EgressLog(file(id)),
                        new AnsweredNames(logs.resolve(id + ".names"), clock),
                        meter,
                        () -> hold.apply(id)));
    }

    /** Names that were not asked for any more; a connection that is open keeps its own. */
    void forgetOldNames(String vm) {
        try {
            if (of(vm).names().forgetOld(networks.peers(vm))) {
                networks.refresh(vm);
            }
        } catch (ManagerException e) {
            LOG.info("old names of {} stay for now: {}", vm, e.getMessage());
        }
    }

    private EgressLog log(String vm, @org.jspecify.annotations.Nullable VmEgress egress) {
        return egress == null ? new EgressLog(file(vm)) : egress.log();
    }

    private Path file(String vm) {
        return logs.resolve(vm + ".jsonl");
    }

    private Consumer<GuestConnection> bounded(VmEgress egress, boolean http, Consumer<GuestConnection> serve) {
        return client -> {
            if (!egress.enter(limits.connectionsPerVm())) {
                busy(client, http);
                return;
            }
            try {
                if (!room.tryAcquire()) {
                    busy(client, http);
                    return;
                }
                try {
                    serve.accept(client);
                } finally {
                    room.release();
                }
            } finally {
                egress.leave();
            }
        };
    }

    /** A datagram counts as a connection while it is answered; one too many is lost, and whoever asks asks again. */
    private Optional<byte[]> bounded(VmEgress egress, DnsAnswers names, byte[] query) {
        if (!egress.enter(limits.connectionsPerVm())) {
            return Optional.empty();
        }
        try {
            if (!room.tryAcquire()) {
                return Optional.empty();
            }
            try {
                return names.datagram(query);
            } finally {
                room.release();
            }
        } finally {
            egress.leave();
        }
    }

    private static void busy(GuestConnection client, boolean http) {
        if (!http) {
            return;
        }
        try {
            client.output().write(BUSY);
            client.output().close();
        } catch (java.io.IOException e) {
            // It has gone by itself.
        }
    }
}
