package dev.tinyvm.server.http;

import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** How many requests there were, and how long they took, by route. */
public final class RequestMetrics {
    private static final double[] BOUNDS_SECONDS = {
        0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
    };

    private record Key(String route, String method, int status) {}

    private static final class Latency {
        final LongAdder[] buckets = new LongAdder[BOUNDS_SECONDS.length + 1];
        final LongAdder nanos = new LongAdder();

        Latency() {
            for (int i = 0; i < buckets.length; i++) {
                buckets[i] = new LongAdder();
            }
        }
    }

    private final Map<Key, LongAdder> counts = new ConcurrentHashMap<>();
    private final Map<String, Latency> latencies = new ConcurrentHashMap<>();

    /** @param route null: none was found */
    void count(@Nullable Route route, String method, int status, long nanos) {
        String pattern = route == null ? "none" : route.pattern();
        // An unknown method is the client's own text: it must not make a new time series each.
        String verb = route == null ? "other" : method;
        counts.computeIfAbsent(new Key(pattern, verb, status), k -> new LongAdder())
                .increment();
        if (route == null || route.kind() == Route.Kind.STREAM) {
            return;
        }
        Latency latency = latencies.computeIfAbsent(route.method() + " " + pattern, k -> new Latency());
        int bucket = 0;
        while (bucket < BOUNDS_SECONDS.length && nanos > BOUNDS_SECONDS[bucket] * 1e9) {
            bucket++;
        }
        latency.buckets[bucket].increment();
        latency.nanos.add(nanos);
    }

    /** In the Prometheus text format. */
    public void writeTo(StringBuilder out) {
        out.append("# HELP tinyvm_http_requests_total Requests answered.\n# TYPE tinyvm_http_requests_total counter\n");
        counts.forEach((key, count) -> out.append("tinyvm_http_requests_total{route=\"")
                .append(key.route())
                .append("\",method=\"")
                .append(key.method())
                .append("\",status=\"")
                .append(key.status())
                .append("\"} ")
                .append(count.sum())
                .append('\n'));
        out.append("# HELP tinyvm_http_request_duration_seconds Time from the header to the answer.\n")
                .append("# TYPE tinyvm_http_request_duration_seconds histogram\n");
        latencies.forEach((name, latency) -> {
            int space = name.indexOf(' ');
            String labels = "route=\"" + name.substring(space + 1) + "\",method=\"" + name.substring(0, space) + "\"";
            long total = 0;
            for (int i = 0; i < latency.buckets.length; i++) {
                total += latency.buckets[i].sum();
                String bound = i < BOUNDS_SECONDS.length ? Double.toString(BOUNDS_SECONDS[i]) : "+Inf";
                out.append("tinyvm_http_request_duration_seconds_bucket{")
                        .append(labels)
                        .append(",le=\"")
                        .append(bound)
                        .append("\"} ")
                        .append(total)
                        .append('\n');
            }
            out.append("tinyvm_http_request_duration_seconds_sum{")
                    .append(labels)
                    .append("} ")
                    .append(String.format(Locale.ROOT, "%.6f", latency.nanos.sum() / 1e9))
                    .append('\n');
            out.append("tinyvm_http_request_duration_seconds_count{")
                    .append(labels)
                    .append("} ")
                    .append(total)
                    .append('\n');
        });
    }
}
