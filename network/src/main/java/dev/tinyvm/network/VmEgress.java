package dev.tinyvm.network;

import dev.tinyvm.manager.EgressReport;
import dev.tinyvm.network.EgressAttempt.Outcome;
import dev.tinyvm.network.rules.EgressRules;
import dev.tinyvm.network.rules.EgressRules.Decision;
import dev.tinyvm.spec.Network;
import java.util.List;
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
    private final Set<Upstream> open = ConcurrentHashMap.newKeySet();
    private final AtomicInteger connections = new AtomicInteger();
    private final AtomicInteger busy = new AtomicInteger();
    private final AtomicLong bytesOut = new AtomicLong();
    private final AtomicLong bytesIn = new AtomicLong();
    private final AtomicLong allowed = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();
    private volatile EgressRules rules = EgressRules.NONE;

    VmEgress(String id, EgressLog log, EgressMeter meter, Supplier<AutoCloseable> hold) {
        this.id = id;
        this.log = log;
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
