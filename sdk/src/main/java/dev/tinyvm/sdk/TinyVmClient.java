package dev.tinyvm.sdk;

import static dev.tinyvm.sdk.Transport.query;
import static dev.tinyvm.sdk.Transport.segment;

import java.net.URI;
import java.net.http.HttpRequest.BodyPublishers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A client of one manager. Methods block, may be called from any thread, and throw {@link TinyVmException} when the manager refuses, {@link TinyVmConnectionException} when none answers.
 * Wherever a VM is named, its id or its name will do.
 */
public final class TinyVmClient implements AutoCloseable {
    /** Where a manager listens by default. */
    public static final String DEFAULT_URL = "http://127.0.0.1:7070";

    private static final Duration START_TIMEOUT = Duration.ofMinutes(10);
    /** As long as one request may wait. */
    private static final Duration MAX_WAIT = Duration.ofMinutes(5);

    private static final int PAGE = 1000;

    private final Transport transport;

    /** @param apiKey empty: none is sent */
    public TinyVmClient(URI url, String apiKey) {
        this(new Transport(url, apiKey));
    }

    TinyVmClient(Transport transport) {
        this.transport = transport;
    }

    /** From {@code TINYVM_URL} (else {@link #DEFAULT_URL}) and {@code TINYVM_API_KEY} (else none). */
    public static TinyVmClient fromEnvironment() {
        return of(env("TINYVM_URL").orElse(DEFAULT_URL), env("TINYVM_API_KEY").orElse(""));
    }

    public static TinyVmClient of(String url, String apiKey) {
        return new TinyVmClient(URI.create(url), apiKey);
    }

    /** The manager's address. */
    public String url() {
        return transport.base();
    }

    // Agents

    /** Makes or changes an agent to what the descriptor says. */
    public AgentInfo apply(Descriptor descriptor) {
        return Decoding.agent(transport.send(
                "PUT",
                "/agents",
                descriptor.mediaType(),
                BodyPublishers.ofString(descriptor.text()),
                START_TIMEOUT,
                Map.of()));
    }

    public List<AgentInfo> agents() {
        return Decoding.list(transport.get("/agents").path("agents"), Decoding::agent);
    }

    public AgentInfo agent(String name) {
        return Decoding.agent(transport.get("/agents/" + segment(name)));
    }

    public AgentInfo scale(String name, int replicas) {
        ObjectNode body = Transport.object().put("replicas", replicas);
        return Decoding.agent(transport.post("/agents/" + segment(name) + "/scale", body, START_TIMEOUT));
    }

    public AgentInfo stopAgent(String name) {
        return Decoding.agent(transport.post("/agents/" + segment(name) + "/stop"));
    }

    public AgentInfo startAgent(String name) {
        return Decoding.agent(transport.post("/agents/" + segment(name) + "/start"));
    }

    public AgentInfo restartAgent(String name) {
        return Decoding.agent(transport.post("/agents/" + segment(name) + "/restart"));
    }

    public void removeAgent(String name) {
        transport.delete("/agents/" + segment(name));
    }

    // VMs

    /** Makes a VM; returns once it runs, or as {@code pending} when it waits for capacity. */
    public VmInfo create(CreateVm request) {
        Map<String, String> headers =
                request.idempotencyKey().isEmpty() ? Map.of() : Map.of("Idempotency-Key", request.idempotencyKey());
        Descriptor descriptor = request.descriptor();
        if (request.id().isEmpty() && request.waitForCapacity()) {
            return Decoding.vm(transport.send(
                    "POST",
                    "/vms",
                    descriptor.mediaType(),
                    BodyPublishers.ofString(descriptor.text()),
                    START_TIMEOUT,
                    headers));
        }
        ObjectNode body = Transport.object()
                .put("descriptor", descriptor.text())
                .put("waitForCapacity", request.waitForCapacity());
        if (!request.id().isEmpty()) {
            body.put("id", request.id());
        }
        return Decoding.vm(transport.send(
                "POST", "/vms", "application/json", BodyPublishers.ofString(body.toString()), START_TIMEOUT, headers));
    }

    /** One page, oldest first. @param pageToken empty: from the start @param limit 1 to 1,000 */
    public VmPage vms(VmFilter filter, String pageToken, int limit) {
        StringBuilder path = new StringBuilder("/vms?limit=").append(limit);
        filter.labels().forEach((k, v) -> path.append('&').append(query("label", k + "=" + v)));
        filter.states().forEach(s -> path.append('&').append(query("state", s)));
        if (!filter.agent().isEmpty()) {
            path.append('&').append(query("agent", filter.agent()));
        }
        if (!pageToken.isEmpty()) {
            path.append('&').append(query("pageToken", pageToken));
        }
        JsonNode page = transport.get(path.toString());
        return new VmPage(Decoding.list(page.path("vms"), Decoding::vm), Decoding.text(page, "nextToken"));
    }

    /** All pages. */
    public List<VmInfo> vms(VmFilter filter) {
        List<VmInfo> all = new ArrayList<>();
        String token = "";
        do {
            VmPage page = vms(filter, token, PAGE);
            all.addAll(page.vms());
            token = page.nextToken();
        } while (!token.isEmpty());
        return all;
    }

    public VmInfo vm(String vm) {
        return Decoding.vm(transport.get(path(vm)));
    }

    /** Waits until it is {@code stopped} or {@code failed}, or the timeout has passed; then what it is. */
    public VmInfo awaitEnd(String vm, Duration timeout) {
        long end = System.nanoTime() + timeout.toNanos();
        while (true) {
            long millis = Math.max(0, (end - System.nanoTime()) / 1_000_000);
            long asked = Math.min(millis, MAX_WAIT.toMillis());
            VmInfo now = Decoding.vm(transport.get(
                    path(vm) + "/wait?timeout=" + asked + "ms",
                    Duration.ofMillis(asked).plus(Transport.REQUEST_TIMEOUT)));
            if (now.ended() || asked == millis) {
                return now;
            }
        }
    }

    public VmInfo stop(String vm) {
        return Decoding.vm(transport.post(path(vm) + "/stop", Transport.object(), START_TIMEOUT));
    }

    public VmInfo start(String vm) {
        return Decoding.vm(transport.post(path(vm) + "/start", Transport.object(), START_TIMEOUT));
    }

    public VmInfo restart(String vm) {
        return Decoding.vm(transport.post(path(vm) + "/restart", Transport.object(), START_TIMEOUT));
    }

    public VmInfo pause(String vm) {
        return Decoding.vm(transport.post(path(vm) + "/pause"));
    }

    public VmInfo resume(String vm) {
        return Decoding.vm(transport.post(path(vm) + "/resume"));
    }

    /** Stops it and forgets it. */
    public void remove(String vm) {
        transport.delete(path(vm));
    }

    public VmInfo resize(String vm, Resize resize) {
        ObjectNode body = Transport.object();
        resize.cpuMillis().ifPresent(v -> body.put("cpuMillis", v));
        resize.memoryBytes().ifPresent(v -> body.put("memoryBytes", v));
        resize.pids().ifPresent(v -> body.put("pids", v));
        return Decoding.vm(transport.send(
                "PATCH",
                path(vm) + "/resources",
                "application/json",
                BodyPublishers.ofString(body.toString()),
                Transport.REQUEST_TIMEOUT,
                Map.of()));
    }

    /** What it may reach, as {@code {"egress": […]}}. */
    public String network(String vm) {
        return transport.get(path(vm) + "/network").toString();
    }

    /** Changes what it may reach, at once. @param network {@code {"egress": […]}}, as JSON @return the rules as they are now */
    public String setNetwork(String vm, String network) {
        return transport
                .send(
                        "PUT",
                        path(vm) + "/network",
                        "application/json",
                        BodyPublishers.ofString(network),
                        Transport.REQUEST_TIMEOUT,
                        Map.of())
                .toString();
    }

    /** Plugs a routed interface into a running Tiny VM, and at each of its starts from now on. */
    public VmInfo attachNetwork(String vm) {
        return Decoding.vm(transport.post(path(vm) + "/network/interface"));
    }

    /** Takes the routed interface away, with all connections over it. */
    public VmInfo detachNetwork(String vm) {
        return Decoding.vm(transport.send(
                "DELETE",
                path(vm) + "/network/interface",
                "",
                BodyPublishers.noBody(),
                Transport.REQUEST_TIMEOUT,
                Map.of()));
    }

    /** The routed interface. @throws TinyVmException {@code not_found} when it has none now */
    public InterfaceInfo networkInterface(String vm) {
        return Decoding.routedInterface(transport.get(path(vm) + "/network/interface"));
    }

    /** What it tried to reach: counters and the newest lines of its log, as JSON. */
    public String egress(String vm, int lines) {
        return transport.get(path(vm) + "/egress?lines=" + lines).toString();
    }

    /** Named volumes, and the volumes of running Tiny VMs. */
    public Volumes volumes() {
        return new Volumes(transport);
    }

    /** Tiny VMs on disk. */
    public Checkpoints checkpoints() {
        return new Checkpoints(transport);
    }

    public VmStats stats(String vm) {
        return Decoding.stats(transport.get(path(vm) + "/stats"));
    }

    /** Of all live ones. */
    public List<VmStats> stats() {
        return Decoding.list(transport.get("/stats").path("stats"), Decoding::stats);
    }

    /** What was used until now, and what it costs. */
    public BillInfo bill(BillRequest request) {
        StringBuilder path = new StringBuilder("/bill?").append(query("by", request.by()));
        request.since().ifPresent(at -> path.append('&').append(query("since", at.toString())));
        request.until().ifPresent(at -> path.append('&').append(query("until", at.toString())));
        request.agent().ifPresent(name -> path.append('&').append(query("agent", name)));
        request.vm().ifPresent(name -> path.append('&').append(query("vm", name)));
        return Decoding.bill(transport.get(path.toString()));
    }

    // Inside a VM

    /** Runs a command to its end. */
    public ExecResult exec(String vm, ExecCommand command) {
        ObjectNode body = ExecSession.request(command);
        body.put("timeoutMillis", command.timeout().toMillis());
        body.put("maxOutputBytes", command.maxOutputBytes());
        if (command.input().length > 0) {
            body.put("stdinBase64", Base64.getEncoder().encodeToString(command.input()));
        }
        return Decoding.execResult(
                transport.post(path(vm) + "/exec", body, command.timeout().plus(Transport.REQUEST_TIMEOUT)));
    }

    /** Starts a command and returns its streams. */
    public ExecSession openExec(String vm, ExecCommand command) {
        return ExecSession.start(transport.open(path(vm) + "/exec"), command);
    }

    /** Makes a VM that lives as long as the returned session, and starts its command. @param waiting told why when the VM waits for capacity */
    public RunSession run(RunRequest request, Consumer<String> waiting) {
        return RunSession.start(transport.open("/run"), request, waiting);
    }

    public List<ProcessStatus> processes(String vm) {
        return Decoding.list(transport.get(path(vm) + "/processes").path("processes"), Decoding::process);
    }

    public void signal(String vm, int processId, int signal) {
        transport.post(
                path(vm) + "/processes/" + processId + "/signal",
                Transport.object().put("signal", signal),
                Transport.REQUEST_TIMEOUT);
    }

    /** Its files, with the rights of its default user. */
    public VmFiles files(String vm) {
        return new VmFiles(transport, path(vm) + "/files", "");
    }

    /** Connects to a port on the VM's own loopback. */
    public PortConnection connect(String vm, int port) {
        return new PortConnection(transport.open(path(vm) + "/ports/" + port));
    }

    // Logs and events

    public ItemStream<LogEntry> logs(String vm, LogFilter filter) {
        StringBuilder path = new StringBuilder(path(vm)).append("/logs?follow=").append(filter.follow());
        if (filter.tail() >= 0) {
            path.append("&tail=").append(filter.tail());
        }
        filter.since().ifPresent(at -> path.append('&').append(query("since", at.toString())));
        return new ItemStream<>(
                transport,
                transport.stream(path.toString(), "text/event-stream", Map.of()).body(),
                Decoding::logEntry);
    }

    /** @param afterSequence 0: all that are kept @param follow go on as new ones happen */
    public ItemStream<VmEvent> events(long afterSequence, boolean follow) {
        return new ItemStream<>(
                transport,
                transport.stream("/events?after=" + afterSequence + "&follow=" + follow, "text/event-stream", Map.of())
                        .body(),
                Decoding::event);
    }

    // Keys and the whole

    public ApiKey.Created createKey(String name) {
        JsonNode node = transport.post("/keys", Transport.object().put("name", name), Transport.REQUEST_TIMEOUT);
        return new ApiKey.Created(Decoding.key(node.path("key")), Decoding.text(node, "secret"));
    }

    public List<ApiKey> keys() {
        return Decoding.list(transport.get("/keys").path("keys"), Decoding::key);
    }

    public void revokeKey(String nameOrId) {
        transport.delete("/keys/" + segment(nameOrId));
    }

    public HostInfo host() {
        return Decoding.host(transport.get("/host"));
    }

    /** Writes down what runs now; returns the names. */
    public List<String> save() {
        return Decoding.list(transport.post("/save").path("names"), n -> n.asString(""));
    }

    /** Brings back what was saved and does not run; returns the names. */
    public List<String> resurrect() {
        return Decoding.list(
                transport.post("/resurrect", Transport.object(), START_TIMEOUT).path("names"), n -> n.asString(""));
    }

    /** Stops the manager. @param keep whether its Tiny VMs go on */
    public void shutdown(boolean keep) {
        transport.post("/shutdown?keep=" + keep);
    }

    /** Whether a manager answers and is ready for work; false when none answers. */
    public boolean ready() {
        try {
            transport.get("/healthz", Transport.CONNECT_TIMEOUT);
            return true;
        } catch (TinyVmException | TinyVmConnectionException e) {
            return false;
        }
    }

    @Override
    public void close() {
        transport.close();
    }

    private static String path(String vm) {
        return "/vms/" + segment(vm);
    }

    private static Optional<String> env(String name) {
        String value = System.getenv(name);
        return value == null || value.isBlank() ? Optional.empty() : Optional.of(value.strip());
    }
}
