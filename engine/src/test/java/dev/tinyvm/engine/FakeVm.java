package dev.tinyvm.engine;

import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.Machine.MachineEnd;
import dev.tinyvm.spec.Resources;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** The inside of one machine of a {@link FakeHost}, with what a test may set. Thread safe. */
public final class FakeVm {
    private static final RoutedStats NOTHING_ROUTED = new RoutedStats(0, 0, 0, 0, 0);
    private static final AtomicLong NEXT_HOST_PID = new AtomicLong(100_000);

    private final FakeHost host;
    private final MachineSpec spec;
    private final long hostPid = NEXT_HOST_PID.incrementAndGet();
    private final FakeFiles files;
    private final FakePorts ports = new FakePorts();
    private final Map<Integer, FakeProcess> processes = new LinkedHashMap<>();
    private final CompletableFuture<MachineEnd> ended = new CompletableFuture<>();
    private volatile @Nullable MachineEnd over;
    private Resources resources;
    private MachineStats stats;
    private long oomKills;
    private int nextProcess = 1;
    private boolean frozen;
    private boolean busy;
    private int freezes;
    private long cpuNanosPerPulse;
    private long pulseCpuNanos;
    private int routedFlows;
    private int attachments;
    private @Nullable List<RoutedRule> routedRules;
    private @Nullable EngineException networkFailure;
    private RoutedStats routedStats = NOTHING_ROUTED;

    FakeVm(FakeHost host, MachineSpec spec) {
        this.host = host;
        this.spec = spec;
        this.resources = spec.resources();
        this.files = new FakeFiles(defaultUser());
        this.stats = new MachineStats(
                0, 0, 1 << 20, 1 << 20, resources.memoryBytes(), 1, 0, 0, 0, 0, resources.diskBytes(), false);
    }

    public String id() {
        return spec.id();
    }

    public MachineSpec spec() {
        return spec;
    }

    public long hostPid() {
        return hostPid;
    }

    public FakeFiles files() {
        return files;
    }

    public FakePorts ports() {
        return ports;
    }

    public synchronized Resources resources() {
        return resources;
    }

    public synchronized boolean frozen() {
        return frozen;
    }

    /** What {@code stats} answers, but for the limit, OOM kills, pids and the frozen flag, which follow what happens. */
    public synchronized void setStats(MachineStats stats) {
        this.stats = stats;
    }

    /** What {@code pulse} says. */
    public synchronized void setBusy(boolean busy) {
        this.busy = busy;
    }

    /** CPU time that {@code pulse} finds used since it was asked last. */
    public synchronized void setCpuPerPulse(Duration cpu) {
        cpuNanosPerPulse = cpu.toNanos();
    }

    /** How often it was frozen. */
    public synchronized int freezes() {
        return freezes;
    }

    synchronized Machine.Pulse pulse() {
        pulseCpuNanos += cpuNanosPerPulse;
        return new Machine.Pulse(busy, stats.cpuMicros() * 1_000 + pulseCpuNanos, routedFlows);
    }

    /** Connections that {@code pulse} finds open over the routed interface. */
    public synchronized void setRoutedFlows(int flows) {
        routedFlows = flows;
    }

    /** Counters of the routed interface; they begin at 0 with the next one. */
    public synchronized void setRoutedStats(RoutedStats counters) {
        routedStats = counters;
    }

    /** Attachments fail with this from now on; null: they do not. */
    public synchronized void failNetwork(@Nullable EngineException failure) {
        networkFailure = failure;
    }

    /** The list of the routed interface; empty: there is none. */
    public synchronized Optional<List<RoutedRule>> routedRules() {
        return Optional.ofNullable(routedRules);
    }

    /** Its routed interface is gone, and its manager does not know. */
    public synchronized void loseNetwork() {
        routedRules = null;
    }

    /** How many routed interfaces it has had. */
    public synchronized int attachments() {
        return attachments;
    }

    synchronized RoutedInterface attachNetwork(List<RoutedRule> rules) {
        EngineException failure = networkFailure == null ? host.networkFailure() : networkFailure;
        if (failure != null) {
            throw failure;
        }
        if (routedRules != null) {
            throw new EngineException(Code.INVALID, id() + " has a routed interface already");
        }
        routedRules = checked(rules);
        routedStats = NOTHING_ROUTED;
        attachments++;
        return new RoutedInterface(
                "eth0", "100.118.0." + (2 * attachments + 1) + "/31", "100.118.0." + 2 * attachments, true);
    }

    synchronized void detachNetwork() {
        routedRules = null;
    }

    synchronized void setNetworkRules(List<RoutedRule> rules) {
        if (routedRules == null) {
            throw new EngineException(Code.NOT_FOUND, id() + " has no routed interface");
        }
        routedRules = checked(rules);
    }

    synchronized Optional<RoutedStats> networkStats() {
        return routedRules == null ? Optional.empty() : Optional.of(routedStats);
    }

    private static List<RoutedRule> checked(List<RoutedRule> rules) {
        if (rules.size() > RoutedRule.MOST_RULES) {
            throw new EngineException(Code.LIMIT, rules.size() + " rules are too many");
        }
        return List.copyOf(rules);
    }

    /** Its first process dies by itself: the machine ends as {@code GUEST_LOST}. */
    public void crash() {
        end(new MachineEnd(MachineEnd.Cause.GUEST_LOST, "the guest ended unexpectedly (crashed by a test)"));
    }

    /** The kernel kills its first process for want of memory. */
    public void oomKill() {
        countOomKill();
        end(new MachineEnd(MachineEnd.Cause.OOM_KILLED, "the kernel killed the guest: out of memory"));
    }

    /** The running processes' programs and arguments, for a test to look at. */
    public synchronized List<FakeProcess> runningProcesses() {
        return processes.values().stream().filter(FakeProcess::running).toList();
    }

    synchronized void countOomKill() {
        oomKills++;
    }

    FakeProcess start(ExecRequest request) {
        FakeProcess process;
        synchronized (this) {
            requireLive();
            String user = request.user().isEmpty() ? defaultUser() : request.user();
            if (!FakeFiles.USERS.containsKey(user)) {
                throw new EngineException(Code.NOT_FOUND, "could not start a command: no user " + user);
            }
            FakeProgram program = host.lookUp(request.command().getFirst());
            if (program == null) {
                throw new EngineException(
                        Code.NOT_FOUND,
                        "could not start " + request.command().getFirst() + ": no such program (ENOENT)");
            }
            String directory = request.workingDir().isEmpty() ? FakeFiles.home(user) : request.workingDir();
            if (!files.isDirectory(directory)) {
                throw new EngineException(
                        Code.NOT_FOUND,
                        "could not start " + request.command().getFirst() + " in " + directory
                                + ": no such directory (ENOENT)");
            }
            if (runningProcesses().size() + 1 >= resources.pids()) {
                throw new EngineException(Code.LIMIT, "could not start a process: all pids are in use (EAGAIN)");
            }
            process = new FakeProcess(this, nextProcess++, request, user, directory);
            processes.put(process.processId(), process);
        }
        process.start(host.lookUp(request.command().getFirst()));
        return process;
    }

    @org.jspecify.annotations.Nullable
    FakeProgram program(String command) {
        return host.lookUp(command);
    }

    synchronized List<ProcessInfo> processes() {
        return processes.values().stream().map(FakeProcess::info).toList();
    }

    synchronized FakeProcess process(int processId) {
        FakeProcess process = processes.get(processId);
        if (process == null) {
            throw new EngineException(Code.NOT_FOUND, "no process " + processId + " in " + id());
        }
        return process;
    }

    synchronized void forget(int processId) {
        if (process(processId).running()) {
            throw new EngineException(Code.INVALID, "process " + processId + " still runs and cannot be forgotten");
        }
        processes.remove(processId);
    }

    synchronized void freeze() {
        freezes++;
        frozen = true;
    }

    synchronized void thaw() {
        frozen = false;
        notifyAll();
    }

    synchronized void awaitThawed() throws InterruptedException {
        while (frozen) {
            wait();
        }
    }

    synchronized void resize(Resources wanted) {
        if (stats.memoryBytes() > wanted.memoryBytes()) {
            throw new EngineException(
                    Code.LIMIT,
                    "could not give " + id() + " " + wanted.memoryBytes() + " bytes of memory: it uses "
                            + stats.memoryBytes());
        }
        resources = new Resources(wanted.cpuMillis(), wanted.memoryBytes(), resources.diskBytes(), wanted.pids());
    }

    synchronized MachineStats stats() {
        return new MachineStats(
                stats.cpuMicros(),
                stats.throttledMicros(),
                stats.memoryBytes(),
                stats.memoryPeakBytes(),
                resources.memoryBytes(),
                1 + runningProcesses().size(),
                stats.ioReadBytes(),
                stats.ioWriteBytes(),
                stats.oomKills() + oomKills,
                stats.diskUsedBytes(),
                stats.diskTotalBytes(),
                frozen);
    }

    void shutdown(Duration gracePeriod) {
        thaw();
        List<FakeProcess> running = runningProcesses();
        running.forEach(p -> p.signal(15));
        long deadline = System.nanoTime() + gracePeriod.toNanos();
        for (FakeProcess process : running) {
            try {
                process.awaitEnd(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        end(new MachineEnd(MachineEnd.Cause.REQUESTED, "shut down"));
    }

    void end(MachineEnd end) {
        List<FakeProcess> all;
        synchronized (this) {
            if (over != null) {
                return;
            }
            over = end;
            frozen = false;
            notifyAll();
            all = new ArrayList<>(processes.values());
        }
        // Outside of the lock: who listens may wait, for ever in a test that lets a manager die right there.
        ended.complete(end);
        all.forEach(p -> p.machineEnded(end.detail()));
        ports.closeAll();
        files.closeWatches();
    }

    void destroy() {
        end(new MachineEnd(MachineEnd.Cause.REQUESTED, "destroyed"));
        host.remove(id());
    }

    CompletableFuture<MachineEnd> ended() {
        return ended;
    }

    void requireLive() {
        MachineEnd end = over;
        if (end != null) {
            throw new EngineException(Code.GONE, "the machine " + id() + " has ended: " + end.detail());
        }
    }

    String defaultUser() {
        return spec.defaultUser().isEmpty() ? "user" : spec.defaultUser();
    }
}
