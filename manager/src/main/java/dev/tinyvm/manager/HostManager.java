package dev.tinyvm.manager;

import dev.tinyvm.engine.Engine;
import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.ledger.Bill;
import dev.tinyvm.ledger.BillQuery;
import dev.tinyvm.ledger.Ledger;
import dev.tinyvm.ledger.LedgerException;
import dev.tinyvm.ledger.RecordQuery;
import dev.tinyvm.ledger.UsageRecord;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.manager.VmActivity.Hold;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Volume;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The manager of one host. {@code docs/manager.md} says what it promises; {@link TinyVm} is one Tiny VM's life.
 *
 * <p>It owns {@code manager.db} and {@code logs/} in its data directory, and everything below its engines; the engines themselves belong to the caller, who
 * closes them after this. A manager that is closed or killed leaves its Tiny VMs running, for the next one over the same directory.
 */
public final class HostManager implements Manager {
    private final ManagerSettings settings;
    private final Shared shared;
    private final VmBook book = new VmBook();
    private final Creation creation;
    private final HostCheckpoints checkpoints;
    private final Agents agents;
    private final Keys keys;
    private final Inside inside;
    private final SavedList saved;
    private final StatsMeter meter;
    private final Retention retention;
    private final Instant startedAt;
    private final VmActivity activity = new Activity();
    private final RoutedNetworks routedNetworks = new Interfaces();
    private final AutoCloseable time;
    private volatile boolean stopping;
    private volatile boolean closed;

    private HostManager(
            ManagerSettings settings,
            Path dataDirectory,
            Map<EngineKind, Engine> engines,
            ImageCatalog images,
            List<LoopbackService> loopback,
            Ledger ledger,
            Timing timing,
            AutoCloseable time,
            Store.Gate gate) {
        this.settings = settings;
        this.time = time;
        Path logs = dataDirectory.resolve("logs");
        try {
            Files.createDirectories(logs);
        } catch (IOException e) {
            throw new ManagerException(
                    Code.FAILED, "could not make the data directory " + dataDirectory + ": " + e.getMessage(), e);
        }
        Store store = Store.open(dataDirectory.resolve("manager.db"), gate);
        Events events = new Events(store, timing, settings.eventsKept());
        this.retention = new Retention(book, settings.endedVmsKept());
        Engines walls = new Engines(engines);
        this.shared = new Shared(
                settings,
                logs,
                store,
                events,
                new Admission(Capacity.of(settings)),
                walls,
                images,
                timing,
                new Cleanup(timing, store, events),
                new Offers(loopback),
                new Metering(ledger),
                new Waits(),
                new HostVolumes(store, walls, timing, book::all),
                new InterfaceTable(store),
                new VmListener());
        ledger.onExceeded(this::budgetExceeded);
        this.creation = new Creation(shared, book, new IdempotencyTable(store));
        this.checkpoints = new HostCheckpoints(shared, book, creation);
        this.agents = new Agents(shared, book, creation);
        this.inside = new Inside(shared);
        this.keys = new Keys(store, timing);
        this.saved = new SavedList(shared, book, agents, creation);
        this.meter = new StatsMeter(timing);
        this.startedAt = timing.now();
    }

    /**
     * Opens the manager of a data directory and takes up what the one before left running.
     *
     * @param dataDirectory made when it is missing; no other manager may use it at the same time
     * @param engines the walls; each must outlive the manager
     * @param loopback what Tiny VMs are offered on their own loopback
     * @param ledger where what they use is written; it must outlive the manager
     * @throws ManagerException {@code FAILED} when the stored state is damaged or of a newer version
     */
    public static HostManager open(
            ManagerSettings settings,
            Path dataDirectory,
            Map<EngineKind, Engine> engines,
            ImageCatalog images,
            List<LoopbackService> loopback,
            Ledger ledger,
            Clock clock) {
        SystemTiming timing = new SystemTiming(clock);
        return open(settings, dataDirectory, engines, images, loopback, ledger, timing, timing, Store.Gate.OPEN);
    }

    /** With a time and a gate of a test's own. */
    static HostManager open(
            ManagerSettings settings,
            Path dataDirectory,
            Map<EngineKind, Engine> engines,
            ImageCatalog images,
            List<LoopbackService> loopback,
            Ledger ledger,
            Timing timing,
            AutoCloseable time,
            Store.Gate gate) {
        HostManager manager =
                new HostManager(settings, dataDirectory, engines, images, loopback, ledger, timing, time, gate);
        try {
            manager.recover();
        } catch (RuntimeException e) {
            manager.close();
            throw e;
        }
        return manager;
    }

    private void recover() {
        List<VmRecord> stored = VmTable.readAll(shared.store());
        agents.load(AgentTable.readAll(shared.store()));
        shared.volumes().load();
        shared.interfaces().load();
        checkpoints.load();
        shared.store().start();
        new Recovery(shared, book).run(stored);
        checkpoints.settle();
        shared.metering().start();
        book.all().stream()
                .filter(vm -> !vm.record().agent().isEmpty()
                        && !agents.known(vm.record().agent()))
                .forEach(vm -> vm.remove("vm.removed", "its agent was removed"));
        retention.trim();
        agents.reconcileAll();
    }

    // Agents

    @Override
    public AgentStatus apply(Agent agent, String owner) {
        requireOpen();
        return agents.apply(withImageDefaults(agent), owner);
    }

    @Override
    public Agent withImageDefaults(Agent agent) {
        return VmChecks.image(shared.images(), agent.spec().image()).fill(agent);
    }

    @Override
    public List<AgentStatus> agents() {
        return agents.list();
    }

    @Override
    public AgentStatus agent(String name) {
        return agents.status(name);
    }

    @Override
    public AgentStatus scale(String name, int replicas) {
        requireOpen();
        return agents.scale(name, replicas);
    }

    @Override
    public AgentStatus stopAgent(String name) {
        requireOpen();
        return agents.stop(name);
    }

    @Override
    public AgentStatus startAgent(String name) {
        requireOpen();
        return agents.start(name);
    }

    @Override
    public AgentStatus restartAgent(String name) {
        requireOpen();
        return agents.restart(name);
    }

    @Override
    public void removeAgent(String name) {
        requireOpen();
        agents.remove(name);
    }

    // VMs

    @Override
    public VmStatus create(CreateRequest request) {
        requireOpen();
        boolean idle = request.attached() && request.agent().spec().command().isEmpty();
        // Looked up once, handed on.
        ImageCatalog.ImageInfo image =
                VmChecks.image(shared.images(), request.agent().spec().image());
        Agent whole = image.fill(request.agent());
        Agent agent = idle ? new Agent(whole.metadata(), whole.spec().withCommand(List.of())) : whole;
        return creation.create(request.withAgent(agent), image).status();
    }

    @Override
    public Page<VmStatus> vms(VmQuery query) {
        return book.page(query);
    }

    @Override
    public VmStatus vm(String vm) {
        return book.get(vm).status();
    }

    @Override
    public VmStatus awaitEnd(String vm, Duration timeout) {
        return book.get(vm).awaitEnd(timeout);
    }

    @Override
    public VmStatus stop(String vm) {
        requireOpen();
        return book.get(vm).stop(Ending.STOPPED_BY_USER);
    }

    @Override
    public VmStatus start(String vm) {
        requireOpen();
        return book.get(vm).start();
    }

    @Override
    public VmStatus restart(String vm) {
        requireOpen();
        TinyVm found = book.get(vm);
        found.stop(Ending.STOPPED_BY_USER);
        return found.start();
    }

    @Override
    public void remove(String vm) {
        requireOpen();
        book.get(vm).remove("vm.removed", "");
    }

    @Override
    public VmStatus pause(String vm) {
        requireOpen();
        return book.get(vm).pause();
    }

    @Override
    public VmStatus resume(String vm) {
        requireOpen();
        return book.get(vm).resume();
    }

    @Override
    public VmStatus resize(String vm, ResizeRequest request) {
        requireOpen();
        return book.get(vm).resize(request);
    }

    @Override
    public VmStatus setNetwork(String vm, Network network) {
        requireOpen();
        return book.get(vm).setNetwork(network);
    }

    @Override
    public EgressReport egress(String vm, int mostLines) {
        return shared.offers().egress(book.get(vm).record(), mostLines);
    }

    @Override
    public VmStatus attachNetwork(String vm) {
        requireOpen();
        return book.get(vm).attachNetwork();
    }

    @Override
    public VmStatus detachNetwork(String vm) {
        requireOpen();
        return book.get(vm).detachNetwork();
    }

    @Override
    public Optional<InterfaceReport> networkInterface(String vm) {
        return book.get(vm).routed().report();
    }

    @Override
    public NamedVolumes volumes() {
        return shared.volumes();
    }

    @Override
    public Checkpoints checkpoints() {
        requireOpen();
        return checkpoints;
    }

    @Override
    public VmStatus attach(String vm, Volume volume) {
        requireOpen();
        VmChecks.volumes(List.of(volume), settings.volumeHostPaths());
        return book.get(vm).attach(volume);
    }

    @Override
    public VmStatus detach(String vm, String mountPath, boolean force) {
        requireOpen();
        return book.get(vm).detach(mountPath, force);
    }

    @Override
    public VmStatus setDeadline(String vm, Optional<Deadline> deadline) {
        requireOpen();
        return book.get(vm).setDeadline(deadline);
    }

    @Override
    public VmStatus setTags(String vm, Map<String, String> tags) {
        requireOpen();
        VmChecks.tags(tags);
        return book.get(vm).setTags(tags);
    }

    @Override
    public VmStats stats(String vm) {
        TinyVm found = book.get(vm);
        List<VmStats> stats = meter.of(List.of(found));
        if (stats.isEmpty()) {
            throw found.notNow("read its statistics");
        }
        return stats.getFirst();
    }

    @Override
    public List<VmStats> allStats() {
        return meter.of(book.all());
    }

    // Inside

    @Override
    public GuestProcess exec(String vm, ExecRequest request) {
        return inside.exec(book.get(vm), request);
    }

    @Override
    public List<ProcessInfo> processes(String vm) {
        return inside.processes(book.get(vm));
    }

    @Override
    public GuestProcess attach(String vm, int processId) {
        return inside.attach(book.get(vm), processId);
    }

    @Override
    public void signal(String vm, int processId, int signal) {
        inside.signal(book.get(vm), processId, signal);
    }

    @Override
    public GuestFiles files(String vm) {
        return inside.files(book.get(vm));
    }

    @Override
    public GuestConnection dial(String vm, int port) {
        return inside.dial(book.get(vm), port);
    }

    // Logs and events

    @Override
    public LogStream logs(String vm, LogQuery query) {
        return book.get(vm).log().read(query);
    }

    @Override
    public EventStream events(long afterSequence, boolean follow) {
        return shared.events().stream(afterSequence, follow);
    }

    // Bill

    @Override
    public Bill bill(BillQuery query) {
        shared.metering().readAll();
        try {
            return shared.metering().ledger().bill(query);
        } catch (LedgerException e) {
            throw new ManagerException(Code.FAILED, String.valueOf(e.getMessage()), e);
        }
    }

    @Override
    public List<UsageRecord> usage(RecordQuery query) {
        try {
            return shared.metering().ledger().records(query);
        } catch (LedgerException e) {
            throw new ManagerException(Code.FAILED, String.valueOf(e.getMessage()), e);
        }
    }

    // Keys

    @Override
    public CreatedKey createKey(String name) {
        return keys.create(name);
    }

    @Override
    public List<KeyInfo> keys() {
        return keys.list();
    }

    @Override
    public void revokeKey(String nameOrId) {
        keys.revoke(nameOrId);
    }

    @Override
    public Optional<KeyInfo> authenticate(String secret) {
        return keys.authenticate(secret);
    }

    // Whole

    @Override
    public HostStatus host() {
        Admission.Totals totals = shared.admission().totals();
        int live = (int)
                book.all().stream().filter(vm -> vm.record().state().live()).count();
        return new HostStatus(
                settings.version(),
                startedAt,
                totals.capacity().cpuMillis(),
                totals.cpuMillisPromised(),
                totals.capacity().memoryBytes(),
                totals.memoryBytesPromised(),
                live,
                totals.waiting(),
                shared.engines().status());
    }

    @Override
    public VmActivity activity() {
        return activity;
    }

    @Override
    public RoutedNetworks routedNetworks() {
        return routedNetworks;
    }

    @Override
    public WaitFigures waitFigures() {
        return shared.waits().figures();
    }

    @Override
    public List<String> save() {
        return saved.save();
    }

    @Override
    public List<String> resurrect() {
        requireOpen();
        return saved.resurrect();
    }

    @Override
    public void shutdown(boolean stopMachines) {
        stopping = true;
        shared.admission().close();
        agents.close();
        List<Thread> threads = new ArrayList<>();
        for (TinyVm vm : book.all()) {
            VmRecord record = vm.record();
            if (record.attached()) {
                threads.add(Thread.ofVirtual()
                        .start(() -> quietly(vm, () -> vm.remove("vm.removed", "the session it belonged to is over"))));
            } else if (stopMachines && !record.state().ended()) {
                threads.add(Thread.ofVirtual()
                        .start(() -> quietly(vm, () -> {
                            VmStatus _ = vm.stop(Ending.MANAGER_SHUTDOWN);
                        })));
            }
        }
        for (Thread thread : threads) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        stopping = true;
        shared.admission().close();
        agents.close();
        shared.cleanup().close();
        shared.metering().close();
        book.all().forEach(TinyVm::close);
        shared.events().close();
        shared.store().close();
        try {
            time.close();
        } catch (Exception e) {
            throw new IllegalStateException("the clock's thread could not be ended", e);
        }
    }

    /** Stops all that share the budget. On a thread of its own: who used it up must not wait for that. */
    private void budgetExceeded(String scope, long spentNanoUsd, long budgetNanoUsd) {
        String message = Metering.usedUp(spentNanoUsd, budgetNanoUsd);
        List<TinyVm> stopped = book.all().stream()
                .filter(vm -> Metering.scope(vm.record()).equals(scope)
                        && !vm.record().state().ended())
                .toList();
        for (TinyVm vm : stopped) {
            vm.tell(
                    "vm.budget-exceeded",
                    message,
                    Map.of(
                            "scope", scope,
                            "spentUsd", Metering.usd(spentNanoUsd),
                            "budgetUsd", Metering.usd(budgetNanoUsd)));
            Thread.ofVirtual()
                    .name(vm.id() + "-budget")
                    .start(() -> quietly(vm, () -> {
                        VmStatus _ = vm.stop(Ending.BUDGET_EXCEEDED, message);
                    }));
        }
    }

    /** Returns when all that was submitted so far is on disk and shown. */
    void awaitStored() {
        shared.store().write(List.of());
    }

    private void requireOpen() {
        if (stopping) {
            throw new ManagerException(Code.UNAVAILABLE, "the manager is shutting down; try again when it is up");
        }
    }

    private static void quietly(TinyVm vm, Runnable action) {
        try {
            action.run();
        } catch (ManagerException e) {
            org.slf4j.LoggerFactory.getLogger(HostManager.class)
                    .warn("could not stop {}: {}", vm.record().name(), e.getMessage());
        }
    }

    private final class Activity implements VmActivity {
        @Override
        public ModelCall modelCall(String vm) {
            return book.find(vm).map(found -> found.waiting().modelCall()).orElse(ModelCall.NONE);
        }

        @Override
        public Hold hold(String vm) {
            return book.find(vm).map(found -> found.waiting().hold()).orElse(Hold.NONE);
        }
    }

    private final class Interfaces implements RoutedNetworks {
        @Override
        public void refresh(String vm) {
            book.find(vm).ifPresent(found -> found.routed().refresh());
        }

        @Override
        public Set<InetAddress> peers(String vm) {
            return book.find(vm).map(found -> found.routed().peers()).orElse(Set.of());
        }
    }

    private final class VmListener implements Shared.Listener {
        @Override
        public void ended(TinyVm vm) {
            retention.ended(vm);
        }

        @Override
        public void removed(TinyVm vm) {
            book.remove(vm);
            if (!vm.record().agent().isEmpty()) {
                agents.replicaRemoved(vm.record().agent());
            }
        }
    }
}
