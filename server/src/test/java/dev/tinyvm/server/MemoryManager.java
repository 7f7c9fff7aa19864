package dev.tinyvm.server;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.FakeEngine;
import dev.tinyvm.engine.FakeHost;
import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.engine.RoutedInterface;
import dev.tinyvm.engine.RoutedStats;
import dev.tinyvm.ledger.Account;
import dev.tinyvm.ledger.Amounts;
import dev.tinyvm.ledger.Bill;
import dev.tinyvm.ledger.BillQuery;
import dev.tinyvm.ledger.Measure;
import dev.tinyvm.ledger.RecordQuery;
import dev.tinyvm.ledger.UsageRecord;
import dev.tinyvm.manager.Checkpoints;
import dev.tinyvm.manager.EgressReport;
import dev.tinyvm.manager.InterfaceReport;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.manager.NamedVolumes;
import dev.tinyvm.manager.NamedVolumes.VolumeInfo;
import dev.tinyvm.manager.RoutedNetworks;
import dev.tinyvm.manager.VmActivity;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Metadata;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Volume;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** A manager in memory over the fake host: enough of its verbs for a door to be tested against. All methods hold its lock, except those that wait. */
public final class MemoryManager implements Manager {
    final MemoryVolumes volumes = new MemoryVolumes();
    final MemoryCheckpoints checkpoints = new MemoryCheckpoints(this);
    /** The one VM that does not fit as long as {@link #full} is set waits here. */
    public static final int CAPACITY_CPU_MILLIS = 100_000;

    private static final class Vm {
        final String id;
        final Agent agent;
        final String agentName;
        Resources resources;
        Network network;

        @Nullable
        Machine machine;

        VmState state = VmState.PENDING;
        String reason = "";
        String message = "";

        @Nullable
        Instant endedAt;

        Map<String, String> tags = Map.of();
        Optional<Deadline> deadline = Optional.empty();

        final Instant createdAt = Instant.now();
        final MemoryStream<LogLine> logs = new MemoryStream<>();

        Vm(String id, Agent agent, String agentName) {
            this.id = id;
            this.agent = agent;
            this.agentName = agentName;
            this.resources = agent.spec().resources();
            this.network = agent.spec().network();
        }
    }

    private record Replicas(Agent agent, boolean stopped, Instant createdAt) {}

    public final FakeHost host = new FakeHost();
    private final FakeEngine engine = new FakeEngine(host);
    private final Map<String, Vm> vms = new LinkedHashMap<>();
    private final Map<String, Replicas> agents = new LinkedHashMap<>();
    private final Map<String, String> idempotent = new LinkedHashMap<>();
    private final Map<String, KeyInfo> keys = new LinkedHashMap<>();
    private final MemoryStream<Event> events = new MemoryStream<>();
    private final Map<String, GuestProcess> processes = new ConcurrentHashMap<>();
    private int counter;
    private boolean full;

    /** Whether there is no room: a new VM waits until there is. */
    public synchronized void full(boolean now) {
        full = now;
        if (!full) {
            vms.values().stream()
                    .filter(vm -> vm.state == VmState.PENDING)
                    .toList()
                    .forEach(this::boot);
        }
    }

    /** A line of a VM's main process. */
    public void log(String vm, String text) {
        find(vm).logs.add(new LogLine(Instant.now(), "stdout", text));
    }

    /** How many log and event streams clients hold open. */
    public synchronized int openStreams() {
        return events.readers()
                + vms.values().stream().mapToInt(vm -> vm.logs.readers()).sum();
    }

    @Override
    public Agent withImageDefaults(Agent agent) {
        return agent;
    }

    @Override
    public synchronized AgentStatus apply(Agent agent, String owner) {
        String name = agent.metadata().name();
        agents.put(name, new Replicas(agent, false, Instant.now()));
        fill(name);
        return agent(name);
    }

    @Override
    public synchronized List<AgentStatus> agents() {
        return agents.keySet().stream().sorted().map(this::agent).toList();
    }

    @Override
    public synchronized AgentStatus agent(String name) {
        Replicas replicas = agents.get(name);
        if (replicas == null) {
            throw new ManagerException(Code.NOT_FOUND, "there is no agent " + name);
        }
        List<VmStatus> of = vms.values().stream()
                .filter(vm -> vm.agentName.equals(name))
                .map(this::status)
                .toList();
        return new AgentStatus(replicas.agent, replicas.stopped, replicas.createdAt, of);
    }

    @Override
    public synchronized AgentStatus scale(String name, int replicas) {
        Agent agent = agent(name).agent();
        return apply(new Agent(agent.metadata(), agent.spec().withReplicas(replicas)));
    }

    @Override
    public synchronized AgentStatus stopAgent(String name) {
        AgentStatus was = agent(name);
        was.vms().forEach(vm -> stop(vm.id()));
        agents.put(name, new Replicas(was.agent(), true, was.createdAt()));
        return agent(name);
    }

    @Override
    public synchronized AgentStatus startAgent(String name) {
        AgentStatus was = agent(name);
        was.vms().forEach(vm -> start(vm.id()));
        agents.put(name, new Replicas(was.agent(), false, was.createdAt()));
        return agent(name);
    }

    @Override
    public synchronized AgentStatus restartAgent(String name) {
        agent(name).vms().forEach(vm -> restart(vm.id()));
        return agent(name);
    }

    @Override
    public synchronized void removeAgent(String name) {
        agent(name).vms().forEach(vm -> remove(vm.id()));
        agents.remove(name);
    }

    @Override
    public synchronized VmStatus create(CreateRequest request) {
        String known = idempotent.get(request.idempotencyKey());
        if (known != null) {
            return status(find(known));
        }
        if (request.agent().spec().resources().cpuMillis() > CAPACITY_CPU_MILLIS) {
            throw new ManagerException(Code.NEVER_FITS, "it wants more CPU than this host has");
        }
        if (full && !request.waitForCapacity()) {
            throw new ManagerException(Code.NO_CAPACITY, "the host is full");
        }
        String id = request.id().isEmpty() ? "vm%08d".formatted(++counter) : request.id();
        if (!id.matches("[a-z0-9]{8,32}")) {
            throw new ManagerException(Code.INVALID, "the id '" + id + "' must be 8 to 32 of a-z and 0-9");
        }
        if (vms.containsKey(id)) {
            throw new ManagerException(Code.CONFLICT, "there is already a VM " + id);
        }
        Vm vm = add(id, request.agent(), "");
        if (!request.idempotencyKey().isEmpty()) {
            idempotent.put(request.idempotencyKey(), id);
        }
        return status(vm);
    }

    @Override
    public synchronized Page<VmStatus> vms(VmQuery query) {
        List<Vm> matching = vms.values().stream()
                .filter(vm -> query.states().isEmpty() || query.states().contains(vm.state))
                .filter(vm -> query.agent().isEmpty() || vm.agentName.equals(query.agent()))
                .filter(vm -> vm.agent
                        .metadata()
                        .labels()
                        .entrySet()
                        .containsAll(query.labels().entrySet()))
                .toList();
        int from = query.pageToken().isEmpty() ? 0 : Integer.parseInt(query.pageToken());
        int to = Math.min(matching.size(), from + query.limit());
        String next = to < matching.size() ? Integer.toString(to) : "";
        return new Page<>(matching.subList(from, to).stream().map(this::status).toList(), next);
    }

    @Override
    public synchronized VmStatus vm(String vm) {
        return status(find(vm));
    }

    @Override
    public VmStatus awaitEnd(String vm, Duration timeout) {
        long end = System.nanoTime() + timeout.toNanos();
        synchronized (this) {
            while (!find(vm).state.ended() && System.nanoTime() < end) {
                try {
                    wait(Math.max(1, (end - System.nanoTime()) / 1_000_000));
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new ManagerException(Code.TIMEOUT, "interrupted", e);
                }
            }
            return status(find(vm));
        }
    }

    @Override
    public synchronized VmStatus stop(String vm) {
        Vm found = find(vm);
        end(found);
        return status(found);
    }

    @Override
    public synchronized VmStatus start(String vm) {
        Vm found = find(vm);
        if (!found.state.ended()) {
            throw new ManagerException(Code.CONFLICT, vm + " is " + found.state.word());
        }
        boot(found);
        return status(found);
    }

    @Override
    public synchronized VmStatus restart(String vm) {
        stop(vm);
        return start(vm);
    }

    @Override
    public synchronized void remove(String vm) {
        Vm found = find(vm);
        end(found);
        found.logs.end();
        vms.remove(found.id);
        say("vm.removed", found);
    }

    @Override
    public synchronized VmStatus pause(String vm) {
        return freeze(vm, VmState.RUNNING, VmState.PAUSED);
    }

    @Override
    public synchronized VmStatus resume(String vm) {
        return freeze(vm, VmState.PAUSED, VmState.RUNNING);
    }

    @Override
    public Checkpoints checkpoints() {
        return checkpoints;
    }

    @Override
    public NamedVolumes volumes() {
        return volumes;
    }

    @Override
    public void exportVolume(String name, OutputStream to, String owner) throws IOException {
        VolumeInfo _ = volumes.get(name);
        to.write(volumes.archives.getOrDefault(name, new byte[10_240]));
    }

    @Override
    public void importVolume(String name, InputStream from, String owner) throws IOException {
        VolumeInfo _ = volumes.get(name);
        byte[] archive = from.readAllBytes();
        if (archive.length < 512) {
            throw new ManagerException(ManagerException.Code.INVALID, "tar: This does not look like a tar archive");
        }
        volumes.archives.put(name, archive);
    }

    @Override
    public synchronized VmStatus attach(String vm, Volume volume) {
        Vm found = find(vm);
        volumes.mounted.put(volume.mountPath(), volume);
        return status(found);
    }

    @Override
    public synchronized VmStatus detach(String vm, String mountPath, boolean force) {
        Vm found = find(vm);
        if (volumes.mounted.remove(mountPath) == null) {
            throw new ManagerException(ManagerException.Code.NOT_FOUND, "nothing is mounted at " + mountPath);
        }
        return status(found);
    }

    @Override
    public synchronized VmStatus resize(String vm, ResizeRequest request) {
        Vm found = find(vm);
        Resources was = found.resources;
        found.resources = new Resources(
                request.cpuMillis().orElse(was.cpuMillis()),
                request.memoryBytes().orElse(was.memoryBytes()),
                was.diskBytes(),
                request.pids().orElse(was.pids()));
        machine(vm).resize(found.resources);
        return status(found);
    }

    @Override
    public synchronized VmStatus setNetwork(String vm, Network network) {
        Vm found = find(vm);
        found.network = network.with(found.network.attachment());
        return status(found);
    }

    @Override
    public synchronized VmStatus attachNetwork(String vm) {
        Vm found = find(vm);
        if (found.network.routed()) {
            throw new ManagerException(ManagerException.Code.CONFLICT, "it has one already");
        }
        found.network = found.network.with(Network.Attachment.ROUTED);
        return status(found);
    }

    @Override
    public synchronized VmStatus detachNetwork(String vm) {
        Vm found = find(vm);
        if (!found.network.routed()) {
            throw new ManagerException(ManagerException.Code.NOT_FOUND, "it has none");
        }
        found.network = found.network.with(Network.Attachment.NONE);
        return status(found);
    }

    @Override
    public synchronized Optional<InterfaceReport> networkInterface(String vm) {
        return find(vm).network.routed()
                ? Optional.of(new InterfaceReport(
                        new RoutedInterface("eth0", "100.118.0.3/31", "100.118.0.2", true),
                        new RoutedStats(1_000, 2_000, 3, 4, 5),
                        6))
                : Optional.empty();
    }

    @Override
    public RoutedNetworks routedNetworks() {
        return RoutedNetworks.NONE;
    }

    @Override
    public synchronized EgressReport egress(String vm, int mostLines) {
        return new EgressReport(
                find(vm).network,
                1,
                20,
                30,
                1,
                1,
                List.of(
                        "{\"at\":\"2026-01-01T00:00:00Z\",\"kind\":\"http\",\"outcome\":\"refused\",\"destination\":\"example.org:80\",\"reason\":\"host-not-allowed\"}"));
    }

    @Override
    public synchronized VmStatus setDeadline(String vm, Optional<Deadline> deadline) {
        Vm found = find(vm);
        found.deadline = deadline;
        return status(found);
    }

    @Override
    public synchronized VmStatus setTags(String vm, Map<String, String> tags) {
        Vm found = find(vm);
        found.tags = tags;
        return status(found);
    }

    @Override
    public synchronized VmStats stats(String vm) {
        Vm found = find(vm);
        return new VmStats(
                found.id, name(found), found.state, found.resources, machine(vm).stats(), 0.25, Instant.now());
    }

    @Override
    public synchronized List<VmStats> allStats() {
        return vms.values().stream()
                .filter(vm -> vm.state.live())
                .map(vm -> stats(vm.id))
                .toList();
    }

    @Override
    public GuestProcess exec(String vm, ExecRequest request) {
        GuestProcess process = machine(vm).exec(request);
        processes.put(find(vm).id + "/" + process.processId(), process);
        return process;
    }

    @Override
    public List<ProcessInfo> processes(String vm) {
        return machine(vm).processes();
    }

    @Override
    public GuestProcess attach(String vm, int processId) {
        return machine(vm).attach(processId, Machine.OLDEST_KEPT, Machine.OLDEST_KEPT);
    }

    @Override
    public void signal(String vm, int processId, int signal) {
        // Attaching to it would take its stream away from whoever reads it.
        GuestProcess process = processes.get(find(vm).id + "/" + processId);
        if (process == null) {
            throw new ManagerException(Code.NOT_FOUND, "there is no process " + processId + " in " + vm);
        }
        process.signal(signal, true);
    }

    @Override
    public GuestFiles files(String vm) {
        return machine(vm).files();
    }

    @Override
    public GuestConnection dial(String vm, int port) {
        return machine(vm).dial(port);
    }

    @Override
    public LogStream logs(String vm, LogQuery query) {
        return find(vm).logs.logs(query);
    }

    @Override
    public EventStream events(long afterSequence, boolean follow) {
        return events.events(afterSequence, follow);
    }

    @Override
    public Bill bill(BillQuery query) {
        Amounts amounts = Amounts.NONE.with(Measure.CPU_MICROS, 1_500_000).with(Measure.LLM_NANO_USD, 2_000_000_001);
        return new Bill(query, List.of(new Bill.Line("researcher", "", amounts)), amounts);
    }

    @Override
    public List<UsageRecord> usage(RecordQuery query) {
        return List.of(new UsageRecord(
                query.after() + 1,
                new Account("vm1", "researcher-0", "researcher", Map.of("team", "search"), ""),
                "gpt-x",
                Instant.EPOCH,
                Instant.EPOCH.plusSeconds(1),
                Amounts.NONE.with(Measure.REQUESTS, 1)));
    }

    @Override
    public synchronized CreatedKey createKey(String name) {
        KeyInfo key = new KeyInfo("key" + ++counter, name, Instant.now(), Optional.empty());
        String secret = "e2b_%040x".formatted(counter);
        keys.put(secret, key);
        return new CreatedKey(key, secret);
    }

    @Override
    public synchronized List<KeyInfo> keys() {
        return List.copyOf(keys.values());
    }

    @Override
    public synchronized void revokeKey(String nameOrId) {
        if (!keys.values().removeIf(k -> k.name().equals(nameOrId) || k.id().equals(nameOrId))) {
            throw new ManagerException(Code.NOT_FOUND, "there is no key " + nameOrId);
        }
    }

    @Override
    public synchronized Optional<KeyInfo> authenticate(String secret) {
        return Optional.ofNullable(keys.get(secret));
    }

    @Override
    public synchronized HostStatus host() {
        int promised = vms.values().stream()
                .filter(vm -> vm.state.live())
                .mapToInt(vm -> vm.resources.cpuMillis())
                .sum();
        int live = (int) vms.values().stream().filter(vm -> vm.state.live()).count();
        return new HostStatus(
                "0.1.0",
                Instant.EPOCH,
                CAPACITY_CPU_MILLIS,
                promised,
                1L << 40,
                0,
                live,
                0,
                List.of(new EngineStatus("container", true, "in memory")));
    }

    @Override
    public VmActivity activity() {
        return VmActivity.NONE;
    }

    @Override
    public WaitFigures waitFigures() {
        return new WaitFigures(0, 0, 0, 0, 0, 0, 0);
    }

    @Override
    public synchronized List<String> save() {
        return new ArrayList<>(agents.keySet());
    }

    @Override
    public synchronized List<String> resurrect() {
        return new ArrayList<>(agents.keySet());
    }

    @Override
    public void shutdown(boolean stopMachines) {}

    @Override
    public void close() {
        engine.close();
    }

    private void fill(String name) {
        Agent agent = agent(name).agent();
        for (int i = 0; i < agent.spec().replicas(); i++) {
            String replica = name + "-" + i;
            if (vms.values().stream().noneMatch(vm -> name(vm).equals(replica))) {
                add(
                        "vm%08d".formatted(++counter),
                        new Agent(new Metadata(replica, agent.metadata().labels()), agent.spec()),
                        name);
            }
        }
        vms.values().stream()
                .filter(vm -> vm.agentName.equals(name))
                .skip(agent.spec().replicas())
                .map(vm -> vm.id)
                .toList()
                .forEach(this::remove);
    }

    private Vm add(String id, Agent agent, String agentName) {
        Vm vm = new Vm(id, agent, agentName);
        vms.put(id, vm);
        if (full) {
            vm.reason = "InsufficientCpu";
            vm.message = "waits for 0.5 CPU";
        } else {
            boot(vm);
        }
        return vm;
    }

    private void boot(Vm vm) {
        vm.machine = engine.create(new MachineSpec(
                vm.id, vm.agent.spec().image(), vm.resources, vm.agent.spec().volumes(), name(vm), "user"));
        vm.state = VmState.RUNNING;
        vm.reason = "";
        vm.message = "";
        vm.endedAt = null;
        say("vm.started", vm);
    }

    private void end(Vm vm) {
        if (vm.machine != null) {
            vm.machine.destroy();
            vm.machine = null;
        }
        if (!vm.state.ended()) {
            vm.state = VmState.STOPPED;
            vm.reason = "StoppedByUser";
            vm.endedAt = Instant.now();
            say("vm.stopped", vm);
        }
        notifyAll();
    }

    private VmStatus freeze(String vm, VmState from, VmState to) {
        Vm found = find(vm);
        if (found.state != from) {
            throw new ManagerException(Code.CONFLICT, vm + " is " + found.state.word() + ", not " + from.word());
        }
        Machine machine = machine(vm);
        if (to == VmState.PAUSED) {
            machine.freeze();
        } else {
            machine.thaw();
        }
        found.state = to;
        return status(found);
    }

    private synchronized Machine machine(String vm) {
        Vm found = find(vm);
        if (found.machine == null) {
            throw new ManagerException(Code.CONFLICT, vm + " is " + found.state.word());
        }
        return found.machine;
    }

    private synchronized Vm find(String idOrName) {
        for (Vm vm : vms.values()) {
            if (vm.id.equals(idOrName) || name(vm).equals(idOrName)) {
                return vm;
            }
        }
        throw new ManagerException(Code.NOT_FOUND, "there is no VM " + idOrName);
    }

    private static String name(Vm vm) {
        String name = vm.agent.metadata().name();
        return name.isEmpty() ? vm.id : name;
    }

    private void say(String type, Vm vm) {
        long sequence = events.size() + 1L;
        events.add(new Event(
                sequence, Instant.now(), type, vm.id, name(vm), vm.agentName, type, Map.of("state", vm.state.word())));
    }

    private VmStatus status(Vm vm) {
        Agent descriptor = new Agent(
                vm.agent.metadata(),
                vm.agent
                        .spec()
                        .change()
                        .resources(vm.resources)
                        .network(vm.network)
                        .build());
        return new VmStatus(
                vm.id,
                name(vm),
                vm.agentName,
                descriptor,
                "container",
                "the only one",
                "host",
                vm.state,
                vm.reason,
                vm.message,
                Optional.empty(),
                0,
                vm.state.ended() ? Optional.of(0) : Optional.empty(),
                Optional.empty(),
                4711,
                vm.createdAt,
                vm.state == VmState.PENDING ? Optional.empty() : Optional.of(vm.createdAt),
                Optional.ofNullable(vm.endedAt),
                vm.tags,
                vm.deadline,
                VmUse.NONE);
    }
}
