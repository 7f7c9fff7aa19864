package dev.tinyvm.network;

import dev.tinyvm.engine.RoutedRule;
import dev.tinyvm.manager.EgressReport;
import dev.tinyvm.manager.RoutedNetworks;
import dev.tinyvm.network.EgressAttempt.Outcome;
import dev.tinyvm.network.rules.EgressRules;
import dev.tinyvm.network.rules.EgressRules.Decision;
import dev.tinyvm.network.rules.RoutedList;
import dev.tinyvm.spec.Network;
import java.net.InetAddress;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/** What the proxy knows of one Tiny VM: its rules as they are now, its open connections, its counters, its log. For any thread. */
final class VmEgress {
    private final String id;
    private final EgressLog log;
    private final EgressMeter meter;
    private final Supplier<AutoCloseable> hold;
    private final AnsweredNames names;
    private final Set<Upstream> open = ConcurrentHashMap.newKeySet();
    private final AtomicInteger connections = new AtomicInteger();
    private final AtomicInteger busy = new AtomicInteger();
    private final AtomicLong bytesOut = new AtomicLong();
    private final AtomicLong bytesIn = new AtomicLong();
    private final AtomicLong allowed = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();
    /** Version of {@link #names} that the kernel is known to have. */
    private final AtomicLong routedVersion = new AtomicLong();

    private volatile EgressRules rules = EgressRules.NONE;

    VmEgress(String id, EgressLog log, AnsweredNames names, EgressMeter meter, Supplier<AutoCloseable> hold) {
        this.id = id;
        this.log = log;
        this.names = names;
        this.meter = meter;
        this.hold = hold;
    }

    String id() {
        return id;
    }

    EgressRules rules() {
        return rules;
    }

    EgressLog log() {
        return log;
    }

    /** New rules hold at once: what they do not allow any more is cut. */
    void rules(EgressRules changed, Dialer dialer) {
        rules = changed;
        for (Upstream upstream : open) {
            if (dialer.judge(changed, upstream.destination(), upstream.address()) != Decision.ALLOWED) {
                upstream.close();
            }
        }
    }

    /** What it was told of names, for its routed interface. */
    AnsweredNames names() {
        return names;
    }

    /** The list for its routed interface. */
    List<RoutedRule> routed(EgressRules asked, Dialer dialer) {
        Map<InetAddress, Set<Integer>> ports = new LinkedHashMap<>();
        for (AnsweredNames.Answer answer : names.all()) {
            List<Integer> allowed = dialer.portsOf(asked, answer.name(), answer.address());
            if (!allowed.isEmpty()) {
                ports.computeIfAbsent(answer.address(), _ -> new LinkedHashSet<>())
                        .addAll(allowed);
            }
        }
        return RoutedList.of(
                asked,
                ports.entrySet().stream()
                        .map(e -> new RoutedList.Opened(e.getKey(), List.copyOf(e.getValue())))
                        .toList());
    }

    /** An answer is about to be given: returns when the kernel lets its addresses through. @throws ManagerException it could not be told */
    void answering(String name, List<InetAddress> addresses, RoutedNetworks networks) {
        if (!rules.network().routed()) {
            return;
        }
        long needed = names.add(name, addresses);
        if (needed > routedVersion.get()) {
            long known = names.version();
            networks.refresh(id);
            routedVersion.accumulateAndGet(known, Math::max);
        }
    }

    /** Ends all that is open. */
    void cut() {
        open.forEach(Upstream::close);
    }

    void opened(String kind, Upstream upstream) {
        open.add(upstream);
        allowed.incrementAndGet();
        log.add(new EgressAttempt(
                EgressLog.now(),
                kind,
                Outcome.ALLOWED,
                upstream.destination().toString(),
                upstream.address().getHostAddress(),
                "",
                0,
                0,
                0));
    }

    void closed(String kind, Upstream upstream, String reason) {
        open.remove(upstream);
        log.add(new EgressAttempt(
                EgressLog.now(),
                kind,
                Outcome.CLOSED,
                upstream.destination().toString(),
                upstream.address().getHostAddress(),
                reason,
                upstream.bytesOut(),
                upstream.bytesIn(),
                upstream.openMillis()));
    }

    void refused(String kind, String destination, int status, String reason) {
        if (status == 403) {
            refused.incrementAndGet();
        }
        log.add(new EgressAttempt(
                EgressLog.now(),
                kind,
                status == 403 ? Outcome.REFUSED : Outcome.FAILED,
                destination,
                "",
                reason,
                0,
                0,
                0));
    }

    void moved(int out, int in) {
        bytesOut.addAndGet(out);
        bytesIn.addAndGet(in);
        meter.moved(id, out, in);
    }

    /** False when there are too many already. */
    boolean enter(int most) {
        if (connections.incrementAndGet() > most) {
            connections.decrementAndGet();
            return false;
        }
        return true;
    }

    void leave() {
        connections.decrementAndGet();
    }

    /** Something is under way until what this returns is closed. */
    Busy begin() {
        AutoCloseable held = hold.get();
        busy.incrementAndGet();
        return () -> {
            busy.decrementAndGet();
            try {
                held.close();
            } catch (Exception e) {
                throw new IllegalStateException("a hold could not be let go", e);
            }
        };
    }

    interface Busy extends AutoCloseable {
        @Override
        void close();
    }

    EgressReport report(Network network, List<String> lines) {
        return new EgressReport(
                network, busy.get(), bytesOut.get(), bytesIn.get(), allowed.get(), refused.get(), lines);
    }

    int underWay() {
        return busy.get();
    }
}
