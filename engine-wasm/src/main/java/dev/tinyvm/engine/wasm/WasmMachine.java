package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.engine.MachineStats;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.spec.Resources;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * One Tiny VM: a file tree, a memory account, a CPU share, and the processes that run its program. There is no first process; it lives until it is
 * ended. The monitor guards the table of processes; the gate's monitor is taken under it, never the reverse.
 */
final class WasmMachine implements Machine {
    private static final long PATIENCE_NANOS = 30_000_000_000L;

    private final WasmEngine engine;
    private final MachineSpec spec;
    private final Program program;
    private final FileTree tree;
    private final MemoryAccount memory;
    private final Gate gate = new Gate();
    private final CpuShare share;
    private final GuestFiles files;
    private final LoopbackPorts ports;
    private final Map<Integer, WasmProcess> processes = new LinkedHashMap<>();
    private final CompletableFuture<MachineEnd> ended = new CompletableFuture<>();
    private volatile Resources resources;
    private int nextProcess = 1;
    private long pastCpuNanos;
    private long oomKills;
    private boolean over;

    WasmMachine(WasmEngine engine, MachineSpec spec, Program program, FileTree tree) {
        this.engine = engine;
        this.spec = spec;
        this.program = program;
        this.tree = tree;
        this.resources = spec.resources();
        this.ports = new LoopbackPorts(spec.id(), engine.heap());
        this.memory = new MemoryAccount(engine.heap(), spec.resources().memoryBytes());
        this.share = new CpuShare(gate, spec.resources().cpuMillis(), System.nanoTime());
        this.files = new TreeFiles(
                tree, spec.defaultUser().isEmpty() ? Users.DEFAULT : spec.defaultUser(), this::requireAlive);
    }

    @Override
    public String id() {
        return spec.id();
    }

    @Override
    public long hostPid() {
        return 0;
    }

    @Override
    public GuestProcess exec(ExecRequest request) {
        WasmProcess process;
        synchronized (this) {
            requireAlive();
            if (gate.frozen()) {
                throw invalid("could not start a command in " + id() + ": it is frozen; thaw it first");
            }
            Launch launch = Launch.of(this, request);
            long running =
                    processes.values().stream().filter(WasmProcess::running).count();
            if (running >= resources.pids()) {
                throw new EngineException(
                        Code.LIMIT,
                        "could not start a command in " + id() + ": " + running + " run, and " + resources.pids()
                                + " may");
            }
            process = launch.process(nextProcess++);
            processes.put(process.processId(), process);
            gate.add(process);
            try {
                process.start();
            } catch (OutOfMemoryError e) {
                gate.remove(process);
                processes.remove(process.processId());
                engine.heap().giveBack(Launch.PROCESS_HEAP_BYTES);
                throw new EngineException(
                        Code.LIMIT,
                        "could not start a command in " + id() + ": this host allows the JVM no more threads; raise the"
                                + " limit of processes (ulimit -u, pids cgroup)",
                        e);
            }
        }
        engine.governor().awake();
        engine.settings().wallClock().ifPresent(limit -> new WallClock(process, limit).start());
        return stream(process, 0, 0);
    }

    @Override
    public synchronized List<ProcessInfo> processes() {
        requireAlive();
        return processes.values().stream().map(WasmProcess::info).toList();
    }

    @Override
    public GuestProcess attach(int processId, long stdoutOffset, long stderrOffset) {
        requireAlive();
        return stream(find(processId), stdoutOffset, stderrOffset);
    }

    @Override
    public synchronized void forget(int processId) {
        requireAlive();
        WasmProcess process = find(processId);
        if (process.running()) {
            throw invalid("could not forget process " + processId + " of " + id() + ": it is running; end it first");
        }
        processes.remove(processId);
        pastCpuNanos += process.cpuNanos();
        engine.heap().giveBack(Launch.PROCESS_HEAP_BYTES);
    }

    @Override
    public GuestFiles files() {
        requireAlive();
        return files;
    }

    @Override
    public GuestConnection dial(int port) {
        requireAlive();
        throw new EngineException(
                Code.NOT_FOUND,
                "could not connect to port " + port + " of " + id()
                        + ": nothing listens there, since WASI preview 1 has"
                        + " no sockets; use `engine: container` for a server");
    }

    @Override
    public AutoCloseable listen(int port, Consumer<GuestConnection> handler) {
        requireAlive();
        return ports.listen(port, handler);
    }

    @Override
    public void freeze() {
        requireAlive();
        try {
            gate.freeze();
        } catch (InterruptedException e) {
            gate.thaw();
            Thread.currentThread().interrupt();
            throw new EngineException(Code.TIMEOUT, "freezing " + id() + " was interrupted", e);
        }
    }

    @Override
    public void thaw() {
        requireAlive();
        gate.thaw();
        engine.governor().awake();
    }

    @Override
    public void resize(Resources wanted) {
        requireAlive();
        if (!memory.limit(wanted.memoryBytes())) {
            throw new EngineException(
                    Code.LIMIT,
                    "could not give " + id() + " " + wanted.memoryBytes() + " bytes of memory: " + memory.usedBytes()
                            + " are in use");
        }
        share.cpuMillis(wanted.cpuMillis());
        resources = new Resources(
                wanted.cpuMillis(), wanted.memoryBytes(), spec.resources().diskBytes(), wanted.pids());
        engine.governor().awake();
    }

    @Override
    public MachineStats stats() {
        requireAlive();
        long cpuNanos = usedNanos();
        synchronized (this) {
            int running = (int)
                    processes.values().stream().filter(WasmProcess::running).count();
            synchronized (tree) {
                return new MachineStats(
                        cpuNanos / 1000,
                        gate.throttledNanos(System.nanoTime()) / 1000,
                        memory.usedBytes(),
                        memory.peakBytes(),
                        memory.limitBytes(),
                        1 + running,
                        0,
                        0,
                        oomKills,
                        tree.disk().usedBytes(),
                        tree.disk().totalBytes(),
                        gate.frozen());
            }
        }
    }

    /** What waits in the host, for an answer or for a timer, is not busy. */
    @Override
    public Pulse pulse() {
        requireAlive();
        return new Pulse(busy(), usedNanos());
    }

    @Override
    public long cpuNanos() {
        requireAlive();
        return usedNanos();
    }

    /** Also after its end, with what it used until then. */
    @Override
    public Usage usage() {
        return new Usage(usedNanos() / 1000, memory.usedBytes());
    }

    @Override
    public void shutdown(Duration gracePeriod) {
        requireAlive();
        // Without signal handlers a SIGTERM cannot be ignored, so that there is nothing to give grace for.
        end("it was shut down");
    }

    @Override
    public void kill() {
        requireAlive();
        end("it was killed");
    }

    @Override
    public void destroy() {
        end("it was destroyed");
        engine.remove(this);
    }

    @Override
    public CompletableFuture<MachineEnd> ended() {
        return ended.copy();
    }

    Gate gate() {
        return gate;
    }

    FileTree tree() {
        return tree;
    }

    MemoryAccount memory() {
        return memory;
    }

    Program program() {
        return program;
    }

    LoopbackPorts ports() {
        return ports;
    }

    java.util.function.Supplier<javax.net.ssl.SSLContext> tls() {
        return engine.settings().tls();
    }

    MachineSpec spec() {
        return spec;
    }

    CpuGovernor governor() {
        return engine.governor();
    }

    HeapBudget heap() {
        return engine.heap();
    }

    /** The governor's look at it. @return whether it must look again soon */
    boolean tick(long nowNanos) {
        // Not cpuNanos(), which a machine that has just ended refuses: that would end the governor of all others.
        boolean catchingUp = share.tick(nowNanos, usedNanos());
        return catchingUp || busy();
    }

    synchronized boolean busy() {
        return processes.values().stream().anyMatch(p -> !p.idle());
    }

    synchronized void countOutOfMemory() {
        oomKills++;
    }

    /** On the guest's own thread, as its last act. */
    synchronized void ended(WasmProcess process) {
        gate.remove(process);
    }

    synchronized boolean isOver() {
        return over;
    }

    private synchronized long usedNanos() {
        return pastCpuNanos
                + processes.values().stream().mapToLong(WasmProcess::cpuNanos).sum();
    }

    /** Idempotent: all processes end, their threads are gone, the files are removed. */
    private void end(String detail) {
        List<WasmProcess> all;
        synchronized (this) {
            if (over) {
                return;
            }
            over = true;
            all = new ArrayList<>(processes.values());
        }
        for (WasmProcess process : all) {
            process.lose("the machine ended: " + detail);
            process.end(9);
        }
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        boolean interrupted = false;
        for (WasmProcess process : all) {
            try {
                if (!process.awaitOver(deadline)) {
                    engine.reportStuck(id(), process.processId());
                }
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        engine.heap().giveBack((long) all.size() * Launch.PROCESS_HEAP_BYTES);
        tree.close();
        ended.complete(new MachineEnd(MachineEnd.Cause.REQUESTED, detail));
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private WasmStream stream(WasmProcess process, long stdoutOffset, long stderrOffset) {
        WasmStream stream = new WasmStream(process, stdoutOffset, stderrOffset);
        process.streams().attach(stream);
        return stream;
    }

    private synchronized WasmProcess find(int processId) {
        WasmProcess process = processes.get(processId);
        if (process == null) {
            throw new EngineException(Code.NOT_FOUND, "there is no process " + processId + " in " + id());
        }
        return process;
    }

    private synchronized void requireAlive() {
        if (over) {
            throw new EngineException(Code.GONE, "the machine " + id() + " has ended");
        }
    }

    private static EngineException invalid(String message) {
        return new EngineException(Code.INVALID, message);
    }
}
