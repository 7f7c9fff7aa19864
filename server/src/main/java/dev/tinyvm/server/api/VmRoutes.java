package dev.tinyvm.server.api;

import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.Manager.CreateRequest;
import dev.tinyvm.manager.Manager.Page;
import dev.tinyvm.manager.Manager.ResizeRequest;
import dev.tinyvm.manager.Manager.VmQuery;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStats;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.server.http.Call;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonRequest;
import dev.tinyvm.server.http.Route;
import dev.tinyvm.server.http.Router;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Quantities;
import dev.tinyvm.spec.Resources;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** {@code /vms} without what happens inside of one. */
final class VmRoutes {
    private static final int DEFAULT_PAGE = 100;
    private static final int MAX_PAGE = 1000;
    private static final int MAX_IDEMPOTENCY_KEY = 255;
    private static final Duration DEFAULT_WAIT = Duration.ofSeconds(30);
    private static final Duration MAX_WAIT = Duration.ofMinutes(10);

    private final Manager manager;

    VmRoutes(Manager manager) {
        this.manager = manager;
    }

    void mount(Router router, String base) {
        router.add(Route.of("POST", base + "/vms", this::create));
        router.add(Route.of("GET", base + "/vms", this::list));
        router.add(Route.of("GET", base + "/vms/{vm}", call -> answer(call, manager.vm(call.variable("vm")))));
        router.add(Route.of("DELETE", base + "/vms/{vm}", call -> {
            call.takesLong();
            manager.remove(call.variable("vm"));
            call.empty(204);
        }));
        verb(router, base, "stop", manager::stop);
        verb(router, base, "start", manager::start);
        verb(router, base, "restart", manager::restart);
        verb(router, base, "pause", manager::pause);
        verb(router, base, "resume", manager::resume);
        router.add(Route.of("PATCH", base + "/vms/{vm}/resources", this::resize));
        router.add(Route.of("GET", base + "/vms/{vm}/wait", this::await));
        router.add(Route.of("GET", base + "/vms/{vm}/stats", call -> {
            VmStats stats = manager.stats(call.variable("vm"));
            call.json(200, g -> VmJson.stats(g, stats));
        }));
        router.add(Route.of("GET", base + "/stats", call -> {
            List<VmStats> all = manager.allStats();
            call.json(200, g -> {
                g.writeStartObject();
                g.writeArrayPropertyStart("stats");
                all.forEach(stats -> VmJson.stats(g, stats));
                g.writeEndArray();
                g.writeEndObject();
            });
        }));
    }

    private static void verb(Router router, String base, String name, Function<String, VmStatus> verb) {
        router.add(Route.of("POST", base + "/vms/{vm}/" + name, call -> {
            call.json().finish();
            call.takesLong();
            answer(call, verb.apply(call.variable("vm")));
        }));
    }

    private void create(Call call) {
        String idempotencyKey = call.requestHeader("Idempotency-Key");
        if (idempotencyKey.length() > MAX_IDEMPOTENCY_KEY) {
            throw HttpError.invalid("the Idempotency-Key is longer than " + MAX_IDEMPOTENCY_KEY + " characters");
        }
        CreateRequest request = createRequest(call, idempotencyKey);
        call.takesLong();
        VmStatus vm = manager.create(request.ownedBy(call.caller()));
        call.header("Location", "/api/v1/vms/" + vm.id());
        call.json(vm.state() == VmState.PENDING ? 202 : 201, g -> VmJson.vm(g, vm, false));
    }

    private static CreateRequest createRequest(Call call, String idempotencyKey) {
        String text = Descriptors.body(call);
        // Only JSON can be the long form, and a descriptor has no field of that name; looking for the word saves most
        // requests a second parse.
        if (Descriptors.json(call) && text.contains("\"descriptor\"")) {
            JsonRequest body = JsonRequest.parse(text);
            if (body.has("descriptor")) {
                String id = body.text("id", "");
                boolean wait = body.flag("waitForCapacity", true);
                Agent agent = Descriptors.field(body);
                body.finish();
                return new CreateRequest(agent, id, idempotencyKey, wait, false, Map.of(), Optional.empty());
            }
        }
        return new CreateRequest(Descriptors.read(text), "", idempotencyKey, true, false, Map.of(), Optional.empty());
    }

    private void list(Call call) {
        Map<String, String> labels = new LinkedHashMap<>();
        for (String label : call.queryAll("label")) {
            int equals = label.indexOf('=');
            if (equals < 1) {
                throw HttpError.invalid("the query parameter 'label' must look like key=value");
            }
            labels.put(label.substring(0, equals), label.substring(equals + 1));
        }
        List<VmState> states = new ArrayList<>();
        for (String word : call.queryAll("state")) {
            states.add(state(word));
        }
        int limit = (int) call.number("limit", 1, MAX_PAGE, DEFAULT_PAGE);
        Page<VmStatus> page = manager.vms(new VmQuery(
                labels,
                states,
                call.query("agent").orElse(""),
                call.query("pageToken").orElse(""),
                limit));
        call.json(200, g -> {
            g.writeStartObject();
            g.writeArrayPropertyStart("vms");
            page.items().forEach(vm -> VmJson.vm(g, vm, false));
            g.writeEndArray();
            g.writeStringProperty("nextToken", page.nextToken());
            g.writeEndObject();
        });
    }

    private static VmState state(String word) {
        for (VmState state : VmState.values()) {
            if (state.word().equals(word.toLowerCase(Locale.ROOT))) {
                return state;
            }
        }
        List<String> words = new ArrayList<>();
        for (VmState state : VmState.values()) {
            words.add(state.word());
        }
        throw HttpError.invalid("the query parameter 'state' must be one of: " + String.join(", ", words));
    }

    private void resize(Call call) {
        JsonRequest body = call.json();
        Optional<Integer> cpu = body.optionalNumber("cpuMillis", Resources.MIN_CPU_MILLIS, Resources.MAX_CPU_MILLIS)
                .map(Long::intValue);
        Optional<Long> memory = body.optionalNumber("memoryBytes", Resources.MIN_MEMORY_BYTES, Quantities.MAX_BYTES);
        Optional<Integer> pids =
                body.optionalNumber("pids", 1, Resources.MAX_PIDS).map(Long::intValue);
        Optional<String> cpuText = body.optionalText("cpu");
        Optional<String> memoryText = body.optionalText("memory");
        body.finish();
        if ((cpu.isPresent() && cpuText.isPresent()) || (memory.isPresent() && memoryText.isPresent())) {
            throw HttpError.invalid("cpu and cpuMillis, memory and memoryBytes say the same thing; send one of each");
        }
        try {
            if (cpuText.isPresent()) {
                cpu = Optional.of(Quantities.parseCpuMillis(cpuText.get()));
            }
            if (memoryText.isPresent()) {
                memory = Optional.of(
                        Quantities.parseBytes(memoryText.get(), Resources.MIN_MEMORY_BYTES, Quantities.MAX_BYTES));
            }
        } catch (IllegalArgumentException e) {
            throw HttpError.invalid(String.valueOf(e.getMessage()));
        }
        if (cpu.isPresent() && cpu.get() % Resources.CPU_STEP_MILLIS != 0) {
            throw HttpError.invalid("cpuMillis must be a multiple of " + Resources.CPU_STEP_MILLIS);
        }
        if (cpu.isEmpty() && memory.isEmpty() && pids.isEmpty()) {
            throw HttpError.invalid("nothing to change; send cpu, memory or pids");
        }
        call.takesLong();
        answer(call, manager.resize(call.variable("vm"), new ResizeRequest(cpu, memory, pids)));
    }

    private void await(Call call) {
        Duration timeout = call.query("timeout").map(VmRoutes::duration).orElse(DEFAULT_WAIT);
        call.takesLong();
        answer(call, manager.awaitEnd(call.variable("vm"), Call.clamp(timeout, MAX_WAIT)));
    }

    private static Duration duration(String text) {
        try {
            return Quantities.parseDuration(text);
        } catch (IllegalArgumentException e) {
            throw HttpError.invalid("the query parameter 'timeout': " + e.getMessage());
        }
    }

    private static void answer(Call call, VmStatus vm) {
        call.json(200, g -> VmJson.vm(g, vm, true));
    }
}
