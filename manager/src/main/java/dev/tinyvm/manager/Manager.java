package dev.tinyvm.manager;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.MachineStats;
import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.ledger.Bill;
import dev.tinyvm.ledger.BillQuery;
import dev.tinyvm.ledger.RecordQuery;
import dev.tinyvm.ledger.UsageRecord;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Resources;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The verbs that every door translates to. Methods block and may be called from any thread; failures are {@link ManagerException} with a
 * stable code. What changes state is on disk before the method returns.
 *
 * <p>Two nouns: an <b>agent</b> is a descriptor that is kept running with a number of replicas; a <b>VM</b> is one Tiny VM, either a replica
 * of an agent or made by itself through {@link #create}. Wherever a VM is named, its id or its name ({@code researcher-0} for a replica) will do.
 */
public interface Manager extends AutoCloseable {
    // Agents

    /** Makes or changes an agent to what the descriptor says and keeps it so. Running replicas with the same spec are left alone; others are replaced. */
    default AgentStatus apply(Agent agent) {
        return apply(agent, "");
    }

    /** The same. @param owner name of the API key of whoever asks, for the bill; an agent stays with who made it */
    AgentStatus apply(Agent agent, String owner);

    /** All agents by name. */
    List<AgentStatus> agents();

    /** {@code NOT_FOUND} when there is none. */
    AgentStatus agent(String name);

    AgentStatus scale(String name, int replicas);

    /** Stops all replicas and keeps the agent, to be started again. */
    AgentStatus stopAgent(String name);

    /** Starts a stopped agent again with the replicas it had. */
    AgentStatus startAgent(String name);

    /** Restarts every replica's Tiny VM. */
    AgentStatus restartAgent(String name);

    void removeAgent(String name);

    // VMs

    /**
     * The descriptor with what it leaves open taken from its image: environment, working directory, user and command.
     *
     * @throws ManagerException {@code IMAGE} when there is no such image
     */
    Agent withImageDefaults(Agent agent);

    /**
     * Makes one Tiny VM and, unless it must wait for capacity, returns once it runs.
     *
     * @throws ManagerException {@code NEVER_FITS}, {@code CONFLICT} for an id or name in use by another request, {@code IMAGE}, {@code MOUNT}, {@code UNAVAILABLE}
     */
    VmStatus create(CreateRequest request);

    /** Those that match, oldest first. */
    Page<VmStatus> vms(VmQuery query);

    VmStatus vm(String vm);

    /** Waits until the state is final ({@code stopped}, {@code failed}), or the timeout has passed; then what it is. */
    VmStatus awaitEnd(String vm, Duration timeout);

    /** Stops it with its grace period; it stays listed as {@code stopped}. */
    VmStatus stop(String vm);

    /** Starts a stopped or failed one again, with a fresh writable layer. */
    VmStatus start(String vm);

    VmStatus restart(String vm);

    /** Stops and forgets it. */
    void remove(String vm);

    /** Freezes it until {@link #resume}. */
    VmStatus pause(String vm);

    VmStatus resume(String vm);

    /**
     * New network rules in place of the old ones, for as long as it exists. They hold at once, also for what is open, and for the managers to come.
     * Whether it has a routed interface stays as it is.
     * Proxy variables of commands that run already stay as they are.
     */
    VmStatus setNetwork(String vm, Network network);

    /** What it tried to reach. @param mostLines of the log, the newest */
    EgressReport egress(String vm, int mostLines);

    /**
     * Plugs a routed interface into a Tiny VM while it runs or is paused, and at each start from now on. It reaches what the network rules allow, and so does nothing else
     * over it: the kernel holds the list.
     *
     * @throws ManagerException {@code CONFLICT} when it has one or does not run, {@code INVALID} when its wall can have none, {@code UNAVAILABLE} when this host cannot
     */
    VmStatus attachNetwork(String vm);

    /** Takes the routed interface away, with all connections over it, and from all starts from now on. {@code NOT_FOUND} when it has none. */
    VmStatus detachNetwork(String vm);

    /** The routed interface; empty when it has none now. */
    Optional<InterfaceReport> networkInterface(String vm);

    /** New CPU, memory or pids of a live one, within capacity. Empty parts stay. */
    VmStatus resize(String vm, ResizeRequest request);

    /** Named volumes. */
    NamedVolumes volumes();

    /** Tiny VMs on disk. */
    Checkpoints checkpoints();

    /**
     * Writes all that is in a named volume as a tar archive, with numeric owners, modes and links; nothing is written when this fails before it has begun.
     * A Tiny VM reads it meanwhile: 1 CPU and 64 MiB.
     *
     * @param owner name of the API key of whoever asks, for the bill
     * @throws ManagerException {@code NOT_FOUND}; {@code NO_CAPACITY} after a minute; {@code FAILED} when another has it for itself
     * @throws IOException of the stream; the archive is then not whole
     */
    default void exportVolume(String name, OutputStream to, String owner) throws IOException {
        new VolumeArchive(this, owner).exportTo(name, to);
    }

    /**
     * Adds what a tar archive holds to a named volume; names that are there are replaced, and what was unpacked before a failure stays.
     *
     * @throws ManagerException as {@link #exportVolume}; {@code INVALID} when tar refuses the archive, with its words, or it is far larger than the volume
     * @throws IOException of the stream; then, too, a part may be there
     */
    default void importVolume(String name, InputStream from, String owner) throws IOException {
        new VolumeArchive(this, owner).importFrom(name, from);
    }

    /**
     * Mounts a volume in a Tiny VM while it runs or is paused, and at each start from now on. A named one is made when it is missing.
     *
     * @throws ManagerException {@code MOUNT} when it is refused, {@code CONFLICT} when something is mounted there or it does not run
     */
    VmStatus attach(String vm, dev.tinyvm.spec.Volume volume);

    /**
     * Takes a volume away from a Tiny VM while it runs or is paused, and for all starts from now on.
     *
     * @param force also while something inside uses it
     * @throws ManagerException {@code NOT_FOUND} when no volume is mounted there, {@code CONFLICT} when something inside uses it
     */
    VmStatus detach(String vm, String mountPath, boolean force);

    /**
     * Sets or clears the time at which a VM is paused or removed by itself. Durable; survives the manager; missed deadlines are carried out at the next start.
     * (The E2B door's timeouts rest on it.)
     */
    VmStatus setDeadline(String vm, Optional<Deadline> deadline);

    /** Replaces the free words of a VM. Durable. */
    VmStatus setTags(String vm, Map<String, String> tags);

    VmStats stats(String vm);

    /** Of all live ones. */
    List<VmStats> allStats();

    // Inside a VM. A paused VM is refused with CONFLICT.

    GuestProcess exec(String vm, ExecRequest request);

    List<ProcessInfo> processes(String vm);

    /**
     * Takes up a running command whose stream nobody here holds: one that an earlier manager started. What it said since then and is still kept comes first.
     *
     * @throws ManagerException {@code NOT_FOUND} for an unknown process, {@code CONFLICT} when somebody follows it already
     */
    GuestProcess attach(String vm, int processId);

    /** Signals a process by its guest number. */
    void signal(String vm, int processId, int signal);

    GuestFiles files(String vm);

    GuestConnection dial(String vm, int port);

    // Logs and events

    /** The main process's output as kept. {@code follow}: the stream goes on until closed or the VM is removed. */
    LogStream logs(String vm, LogQuery query);

    /** Events after {@code afterSequence} (0: all that are kept), then new ones as they happen until closed when {@code follow}. */
    EventStream events(long afterSequence, boolean follow);

    // Bill

    /** Adds up what was used, until now, and what it costs. */
    Bill bill(BillQuery query);

    /** Lines of the record that bills are made from. */
    List<UsageRecord> usage(RecordQuery query);

    // Keys

    /** A new key; the only time its secret is shown. */
    CreatedKey createKey(String name);

    List<KeyInfo> keys();

    /** By name or id. */
    void revokeKey(String nameOrId);

    /** Who holds this secret. */
    Optional<KeyInfo> authenticate(String secret);

    // Whole

    HostStatus host();

    /** Where others report what Tiny VMs do besides what these verbs do: calls to models, connections out of them. */
    VmActivity activity();

    /** For who knows what routed interfaces may reach. */
    RoutedNetworks routedNetworks();

    /** How quickly Tiny VMs that wait for a model were frozen and woken. */
    WaitFigures waitFigures();

    /** Writes down what runs now, for {@link #resurrect}; returns the agents' and VMs' names. */
    List<String> save();

    /** Brings back what was saved and does not run. */
    List<String> resurrect();

    /** Stops taking work. Tiny VMs go on unless {@code stopMachines}. */
    void shutdown(boolean stopMachines);

    @Override
    void close();

    /**
     * A Tiny VM to make.
     *
     * @param agent descriptor; {@code replicas} is ignored, an empty name gets a made-up one
     * @param id id wished for: {@code [a-z0-9]{8,32}}; empty: made up
     * @param idempotencyKey a second request with the same key and the same content gets the first one's VM; empty: none
     * @param waitForCapacity true: queued as {@code pending} when the host is full; false: refused with {@code NO_CAPACITY}
     * @param attached lives only as long as its creator's session: the next manager removes it; the image's own command is not run
     * @param tags free words of the door that made it, not shown to users as labels
     * @param deadline when it is paused or removed by itself; empty: never
     * @param owner name of the API key of whoever makes it, for the bill; empty: unknown
     */
    record CreateRequest(
            Agent agent,
            String id,
            String idempotencyKey,
            boolean waitForCapacity,
            boolean attached,
            Map<String, String> tags,
            Optional<Deadline> deadline,
            String owner) {
        public CreateRequest {
            tags = Map.copyOf(tags);
        }

        /** Of nobody in particular. */
        public CreateRequest(
                Agent agent,
                String id,
                String idempotencyKey,
                boolean waitForCapacity,
                boolean attached,
                Map<String, String> tags,
                Optional<Deadline> deadline) {
            this(agent, id, idempotencyKey, waitForCapacity, attached, tags, deadline, "");
        }

        /** The same request of another one. */
        public CreateRequest ownedBy(String key) {
            return new CreateRequest(agent, id, idempotencyKey, waitForCapacity, attached, tags, deadline, key);
        }

        /** The same request for another descriptor. */
        public CreateRequest withAgent(Agent other) {
            return new CreateRequest(other, id, idempotencyKey, waitForCapacity, attached, tags, deadline, owner);
        }

        /** With defaults. */
        public static CreateRequest of(Agent agent) {
            return new CreateRequest(agent, "", "", true, false, Map.of(), Optional.empty());
        }
    }

    /** New sizes. */
    record ResizeRequest(Optional<Integer> cpuMillis, Optional<Long> memoryBytes, Optional<Integer> pids) {}

    /**
     * Which VMs.
     *
     * @param labels all of them must match
     * @param states empty: all
     * @param agent empty: all
     * @param pageToken empty: from the start
     * @param limit 1 to 1,000
     */
    record VmQuery(Map<String, String> labels, List<VmState> states, String agent, String pageToken, int limit) {
        public static final VmQuery ALL = new VmQuery(Map.of(), List.of(), "", "", 1000);
    }

    /** @param nextToken empty: this was the last page */
    record Page<T>(List<T> items, String nextToken) {}

    /**
     * An agent as it stands.
     *
     * @param agent the descriptor
     * @param stopped whether it was stopped by a user
     * @param vms its replicas
     */
    record AgentStatus(Agent agent, boolean stopped, Instant createdAt, List<VmStatus> vms) {
        public long running() {
            return vms.stream().filter(v -> v.state().live()).count();
        }
    }

    /**
     * A VM as it stands.
     *
     * @param id unique for ever
     * @param name for people
     * @param agent name of its agent, empty for one made by itself
     * @param descriptor what it was made from, with its current resources
     * @param engine which wall, empty until chosen
     * @param engineReason why this wall
     * @param pinnedImage what its machines are made from, whatever its descriptor's tag points to by now: {@code sha256-} and the digits of an
     *     image's digest, or the name of an imported root file system, or a program's path
     * @param state where it is
     * @param reason a word for programs, such as {@code OOMKilled}, {@code Error}, {@code Completed}, {@code InsufficientCpu}, {@code StoppedByUser}, {@code Unhealthy}, {@code CrashLoop}; empty while all is well
     * @param message a sentence for people; may be empty
     * @param healthy empty without a health check
     * @param restarts since it was made
     * @param exitCode of the last main process
     * @param signal that ended the last main process
     * @param hostPid of its first process, 0 when none
     * @param use since this manager made it or took it up
     */
    record VmStatus(
            String id,
            String name,
            String agent,
            Agent descriptor,
            String engine,
            String engineReason,
            String pinnedImage,
            VmState state,
            String reason,
            String message,
            Optional<Boolean> healthy,
            int restarts,
            Optional<Integer> exitCode,
            Optional<Integer> signal,
            long hostPid,
            Instant createdAt,
            Optional<Instant> startedAt,
            Optional<Instant> endedAt,
            Map<String, String> tags,
            Optional<Deadline> deadline,
            VmUse use) {}

    /**
     * How a VM spent its time.
     *
     * @param active time in which it could run
     * @param waiting time in which it was frozen because it waited for a model
     * @param waits how often it was
     * @param cpuMicros CPU time of its last machine, once that has ended; 0 before
     */
    record VmUse(Duration active, Duration waiting, long waits, long cpuMicros) {
        public static final VmUse NONE = new VmUse(Duration.ZERO, Duration.ZERO, 0, 0);
    }

    /**
     * Of the newest 1,024 waits.
     *
     * @param waits how many there were since the manager's start
     * @param freezeP50Micros from the beginning of a wait, when its request had been read, to frozen
     * @param idleP50Micros of the same: from when its processes were idle, too, to frozen. That moment is taken as the last look that found them doing something, so the true time is shorter
     * @param thawP50Micros from the answer's first byte (or whatever else woke it) to running
     */
    record WaitFigures(
            long waits,
            long freezeP50Micros,
            long freezeP99Micros,
            long idleP50Micros,
            long idleP99Micros,
            long thawP50Micros,
            long thawP99Micros) {}

    /** When a VM is paused (frozen) or removed by itself. */
    record Deadline(Instant at, Action action) {
        public enum Action {
            PAUSE,
            REMOVE
        }
    }

    /** States as DESIGN names them. */
    enum VmState {
        PENDING,
        STARTING,
        RUNNING,
        WAITING,
        PAUSED,
        STOPPING,
        STOPPED,
        FAILED;

        /** Whether it holds a machine and capacity. */
        public boolean live() {
            return this == STARTING || this == RUNNING || this == WAITING || this == PAUSED || this == STOPPING;
        }

        public boolean ended() {
            return this == STOPPED || this == FAILED;
        }

        /** The word in the API, such as {@code running}. */
        public String word() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    /** Figures of one VM. @param cpuCores cores used at present, over the last second or so */
    record VmStats(
            String id,
            String name,
            VmState state,
            Resources resources,
            MachineStats machine,
            double cpuCores,
            Instant at) {}

    /**
     * Which log lines.
     *
     * @param tail last so many lines of what is kept; −1: all
     * @param since only lines from then on
     */
    record LogQuery(int tail, Optional<Instant> since, boolean follow) {}

    /** One line (or a part of at most 16 KiB of one). @param stream {@code stdout}, {@code stderr} or {@code system} */
    record LogLine(Instant at, String stream, String text) {}

    /** Lines one after another. */
    interface LogStream extends AutoCloseable {
        /** Waits for the next line, at most so long; empty: nothing came, or the end when {@link #ended}. */
        Optional<LogLine> next(Duration timeout) throws InterruptedException;

        boolean ended();

        @Override
        void close();
    }

    /** Something that happened. @param sequence rises by one @param type such as {@code vm.started} @param attributes details, no secrets */
    record Event(
            long sequence,
            Instant at,
            String type,
            String vmId,
            String vmName,
            String agent,
            String message,
            Map<String, String> attributes) {}

    /** Events one after another. */
    interface EventStream extends AutoCloseable {
        Optional<Event> next(Duration timeout) throws InterruptedException;

        boolean ended();

        @Override
        void close();
    }

    record KeyInfo(String id, String name, Instant createdAt, Optional<Instant> lastUsedAt) {}

    /** @param secret {@code e2b_} + 40 hex digits; not stored */
    record CreatedKey(KeyInfo key, String secret) {}

    /** The host as the scheduler sees it. */
    record HostStatus(
            String version,
            Instant startedAt,
            int cpuMillisCapacity,
            int cpuMillisPromised,
            long memoryBytesCapacity,
            long memoryBytesPromised,
            int vmsLive,
            int vmsPending,
            List<EngineStatus> engines) {}

    /** @param available false: {@code detail} says what is missing and how to get it */
    record EngineStatus(String engine, boolean available, String detail) {}
}
