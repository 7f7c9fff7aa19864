package dev.tinyvm.server.api;

import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.Manager.HostStatus;
import dev.tinyvm.manager.Manager.Page;
import dev.tinyvm.manager.Manager.VmQuery;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStats;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.manager.Manager.WaitFigures;
import dev.tinyvm.server.http.Call;
import dev.tinyvm.server.http.RequestMetrics;
import dev.tinyvm.server.http.Route;
import dev.tinyvm.server.http.Router;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/** The API's own description, readiness, and metrics. */
final class SystemRoutes {
    private static final String OPENAPI = "/dev/tinyvm/server/openapi.yaml";
    private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
    private final Manager manager;
    private final RequestMetrics requests;

    SystemRoutes(Manager manager, RequestMetrics requests) {
        this.manager = manager;
        this.requests = requests;
    }

    void mount(Router router, String base) {
        byte[] openapi = openapi();
        router.add(Route.open(base + "/openapi.yaml", call -> call.bytes(200, "application/yaml", openapi)));
        router.add(Route.open("/healthz", this::health));
        router.add(Route.of("GET", "/metrics", this::metrics));
    }

    private void health(Call call) {
        HostStatus host = manager.host();
        call.json(200, g -> {
            g.writeStartObject();
            g.writeStringProperty("status", "ready");
            g.writeStringProperty("version", host.version());
            g.writeEndObject();
        });
    }

    private void metrics(Call call) {
        StringBuilder out = new StringBuilder(16 << 10);
        HostStatus host = manager.host();
        gauge(out, "tinyvm_cpu_capacity_cores", "Cores that may be promised.", host.cpuMillisCapacity() / 1000.0);
        gauge(out, "tinyvm_cpu_promised_cores", "Cores promised to VMs.", host.cpuMillisPromised() / 1000.0);
        gauge(out, "tinyvm_memory_capacity_bytes", "Memory that may be promised.", (double) host.memoryBytesCapacity());
        gauge(out, "tinyvm_memory_promised_bytes", "Memory promised to VMs.", (double) host.memoryBytesPromised());
        head(out, "tinyvm_vms", "VMs by state.", "gauge");
        count().forEach((state, count) -> out.append("tinyvm_vms{state=\"")
                .append(state.word())
                .append("\"} ")
                .append(count)
                .append('\n'));
        WaitFigures waits = manager.waitFigures();
        head(out, "tinyvm_waits_total", "Times that a VM was frozen because it waited for a model.", "counter");
        out.append("tinyvm_waits_total ").append(waits.waits()).append('\n');
        quantiles(
                out,
                "tinyvm_wait_freeze_seconds",
                "From the beginning of a wait to frozen, of the newest 1,024.",
                waits.freezeP50Micros(),
                waits.freezeP99Micros());
        quantiles(
                out,
                "tinyvm_wait_idle_seconds",
                "From the last look that found a waiting VM doing something to frozen, of the newest 1,024.",
                waits.idleP50Micros(),
                waits.idleP99Micros());
        quantiles(
                out,
                "tinyvm_wait_thaw_seconds",
                "From what woke a waiting VM to running, of the newest 1,024.",
                waits.thawP50Micros(),
                waits.thawP99Micros());
        List<VmStats> stats = manager.allStats();
        perVm(
                out,
                stats,
                "tinyvm_vm_cpu_seconds_total",
                "CPU time used.",
                "counter",
                s -> s.machine().cpuMicros() / 1e6);
        perVm(
                out,
                stats,
                "tinyvm_vm_cpu_throttled_seconds_total",
                "Time at the CPU limit.",
                "counter",
                s -> s.machine().throttledMicros() / 1e6);
        perVm(
                out,
                stats,
                "tinyvm_vm_memory_bytes",
                "Memory in use.",
                "gauge",
                s -> s.machine().memoryBytes());
        perVm(
                out,
                stats,
                "tinyvm_vm_oom_kills_total",
                "Processes killed for memory.",
                "counter",
                s -> s.machine().oomKills());
        requests.writeTo(out);
        call.text(200, PROMETHEUS, out.toString());
    }

    private Map<VmState, Integer> count() {
        Map<VmState, Integer> counts = new EnumMap<>(VmState.class);
        for (VmState state : VmState.values()) {
            counts.put(state, 0);
        }
        String token = "";
        do {
            Page<VmStatus> page = manager.vms(new VmQuery(Map.of(), List.of(), "", token, 1000));
            page.items().forEach(vm -> counts.merge(vm.state(), 1, Integer::sum));
            token = page.nextToken();
        } while (!token.isEmpty());
        return counts;
    }

    private static void gauge(StringBuilder out, String name, String help, double value) {
        head(out, name, help, "gauge");
        out.append(name).append(' ').append(number(value)).append('\n');
    }

    private static void quantiles(StringBuilder out, String name, String help, long p50Micros, long p99Micros) {
        head(out, name, help, "gauge");
        out.append(name)
                .append("{quantile=\"0.5\"} ")
                .append(number(p50Micros / 1e6))
                .append('\n');
        out.append(name)
                .append("{quantile=\"0.99\"} ")
                .append(number(p99Micros / 1e6))
                .append('\n');
    }

    private static void perVm(
            StringBuilder out,
            List<VmStats> stats,
            String name,
            String help,
            String type,
            ToDoubleFunction<VmStats> value) {
        head(out, name, help, type);
        for (VmStats s : stats) {
            out.append(name)
                    .append("{vm=\"")
                    .append(s.id())
                    .append("\",name=\"")
                    .append(s.name())
                    .append("\"} ")
                    .append(number(value.applyAsDouble(s)))
                    .append('\n');
        }
    }

    private static void head(StringBuilder out, String name, String help, String type) {
        out.append("# HELP ")
                .append(name)
                .append(' ')
                .append(help)
                .append("\n# TYPE ")
                .append(name)
                .append(' ');
        out.append(type).append('\n');
    }

    private static String number(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15
                ? Long.toString((long) value)
                : String.format(Locale.ROOT, "%.6f", value);
    }

    private static byte[] openapi() {
        try (InputStream in = SystemRoutes.class.getResourceAsStream(OPENAPI)) {
            if (in == null) {
                throw new IllegalStateException("the jar lacks " + OPENAPI);
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
