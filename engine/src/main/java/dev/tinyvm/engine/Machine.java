package dev.tinyvm.engine;

import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Volume;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * One live Tiny VM as its wall offers it. All methods block and may be called from any thread; after the machine's end they throw
 * {@link EngineException} with {@code GONE}.
 */
public interface Machine {
    String id();

    /** Pid of its first process as the host sees it; 0 when the wall has none. */
    long hostPid();

    /**
     * Starts a command.
     *
     * @throws EngineException {@code NOT_FOUND} for a missing program, directory or user, {@code INVALID} for one that is not executable, {@code LIMIT} when no process can be made
     */
    GuestProcess exec(ExecRequest request);

    /** All processes that were started through {@link #exec} and are running, or ended and not forgotten. */
    List<ProcessInfo> processes();

    /** An offset for {@link #attach}: the oldest byte that is still kept, for a caller who does not know how far the one before it got. */
    long OLDEST_KEPT = -1;

    /**
     * Takes up the stream of a process again, for instance after the manager died. Output before the offsets is not sent again.
     *
     * @param stdoutOffset of the first byte wanted, or {@link #OLDEST_KEPT}
     * @param stderrOffset the same for standard error
     * @throws EngineException {@code NOT_FOUND} for an unknown process
     */
    GuestProcess attach(int processId, long stdoutOffset, long stderrOffset);

    /** Drops the record of an ended process. */
    void forget(int processId);

    /** The file system inside. */
    GuestFiles files();

    /**
     * Connects to a port on the Tiny VM's own 127.0.0.1.
     *
     * @throws EngineException {@code NOT_FOUND} when nothing listens there
     */
    GuestConnection dial(int port);

    /**
     * Listens on a port of the Tiny VM's own 127.0.0.1; each connection made inside is handed to {@code handler} on a virtual thread of its own.
     *
     * @return closes the listener
     */
    AutoCloseable listen(int port, java.util.function.Consumer<GuestConnection> handler);

    /** Whether processes inside can speak UDP on its loopback. */
    default boolean hasDatagrams() {
        return false;
    }

    /**
     * Answers datagrams that processes inside send to a UDP port of the Tiny VM's own 127.0.0.1. As with UDP everywhere, some may be lost; at most 4,096 bytes each way.
     *
     * @param answering called for each on a virtual thread; empty: no answer
     * @return stops it
     * @throws EngineException {@code INVALID} behind walls without UDP
     */
    default AutoCloseable answerDatagrams(int port, Function<byte[], Optional<byte[]>> answering) {
        throw new EngineException(EngineException.Code.INVALID, id() + " has no UDP: its wall knows no datagrams");
    }

    /** Stops all its processes at once, memory stays; they notice nothing but the clock. Freezing twice is fine. */
    void freeze();

    /** The reverse of {@link #freeze}. */
    void thaw();

    /**
     * Mounts a volume while it runs.
     *
     * @param spec what the machine was made from
     * @throws EngineException {@code MOUNT} when the source or the place is refused, or something is mounted there already; {@code INVALID} behind walls whose
     *     volumes are fixed at the start
     */
    default void attach(MachineSpec spec, Volume volume) {
        throw new EngineException(
                EngineException.Code.INVALID, "the volumes of " + id() + " are fixed when it starts, behind this wall");
    }

    /**
     * Takes a volume away while it runs.
     *
     * @param force also when something inside uses it, which then goes on with what it has open
     * @throws EngineException {@code LIMIT} when something inside uses it; {@code NOT_FOUND} when nothing is mounted there; {@code INVALID} as for {@link #attach}
     */
    default void detach(String mountPath, boolean force) {
        throw new EngineException(
                EngineException.Code.INVALID, "the volumes of " + id() + " are fixed when it starts, behind this wall");
    }

    /**
     * Plugs a routed interface in while it runs or is frozen. Nothing but what the list allows passes it, from its first moment on.
     *
     * @param rules at most {@link RoutedRule#MOST_RULES}, in their order
     * @throws EngineException {@code INVALID} behind walls that have none, or when it has one already; {@code UNAVAILABLE} when the host cannot do it, with what is
     *     missing; {@code LIMIT} when no address is left
     */
    default RoutedInterface attachNetwork(List<RoutedRule> rules) {
        throw noInterface();
    }

    /** Takes the routed interface away, with all connections over it; nothing happens when there is none. */
    default void detachNetwork() {
        throw noInterface();
    }

    /**
     * Puts a list in the place of the one that the routed interface has; there is no moment without one.
     *
     * @throws EngineException {@code NOT_FOUND} when it has no interface
     */
    default void setNetworkRules(List<RoutedRule> rules) {
        throw noInterface();
    }

    /** What went through the routed interface since it was attached; empty: it has none. Works while frozen, and after the machine's end until {@link #destroy}. */
    default Optional<RoutedStats> networkStats() {
        return Optional.empty();
    }

    /** Addresses that open connections over the routed interface lead to. */
    default Set<InetAddress> routedPeers() {
        return Set.of();
    }

    private EngineException noInterface() {
        return new EngineException(
                EngineException.Code.INVALID,
                id()
                        + " cannot have a routed interface: its wall has no network of the host's kernel; use `engine: container`, or the egress proxy alone");
    }

    /** Changes CPU, memory and pids of the running machine. {@code LIMIT} when more memory is in use than it shall have. Disk cannot change. */
    void resize(Resources resources);

    /** Current figures. Works while frozen. */
    MachineStats stats();

    /**
     * What its threads do at this moment; costs little and wakes nobody inside.
     *
     * @throws EngineException {@code UNAVAILABLE} when this wall, or this host, cannot tell; such a machine is never frozen while it waits for a model
     */
    default Pulse pulse() {
        throw new EngineException(
                EngineException.Code.UNAVAILABLE,
                "could not look at the threads of " + id() + ": this wall does not show them");
    }

    /**
     * CPU time used since it was made, alone: the part of {@link #pulse} that costs least. A thread that runs at this moment may count only up to the kernel's last tick.
     *
     * @throws EngineException as {@link #pulse}
     */
    default long cpuNanos() {
        return pulse().cpuNanos();
    }

    /**
     * CPU time and memory alone, for a meter that reads every machine again and again. Unlike the other methods it also answers between the machine's end and {@link #destroy},
     * so that nothing it used is lost.
     */
    default Usage usage() {
        MachineStats stats = stats();
        return new Usage(
                stats.cpuMicros(),
                stats.memoryBytes(),
                networkStats().map(RoutedStats::bytesOut).orElse(0L));
    }

    /** SIGTERM to all, SIGKILL after the grace period, then the machine ends. Thaws first. */
    void shutdown(Duration gracePeriod);

    /** Kills at once. */
    void kill();

    /** Kills what lives and removes everything; nothing is left on the host afterwards. Idempotent. */
    void destroy();

    /** Completes, never exceptionally, when the machine has ended for whatever reason. */
    CompletableFuture<MachineEnd> ended();

    /**
     * What a machine used and uses.
     *
     * @param cpuMicros CPU time since its creation
     * @param memoryBytes held now
     * @param routedBytesOut sent through its routed interface since that was attached; 0: it has none; −1: that cannot be told now
     */
    record Usage(long cpuMicros, long memoryBytes, long routedBytesOut) {
        /** Of a machine without a routed interface. */
        public Usage(long cpuMicros, long memoryBytes) {
            this(cpuMicros, memoryBytes, 0);
        }
    }

    /**
     * How a machine ended.
     *
     * @param cause why
     * @param detail a sentence for a person
     */
    record MachineEnd(Cause cause, String detail) {
        public enum Cause {
            /** {@link #shutdown}, {@link #kill} or {@link #destroy}. */
            REQUESTED,
            /** The kernel killed its first process for want of memory. */
            OOM_KILLED,
            /** Its first process ended by itself or was killed from outside. */
            GUEST_LOST,
            /** Its guest broke the protocol and it was killed for that. */
            PROTOCOL_VIOLATION
        }
    }

    /**
     * Whether something goes on inside. Two in a row tell it: a process that sleeps, or waits for a connection, a child or a key, is not busy and uses no CPU.
     *
     * @param busy whether a thread runs, wants to run (also when it is held back by its CPU limit) or waits for a disk
     * @param cpuNanos CPU time used since the machine was made
     * @param routedFlows addresses to which connections are open, or being opened, over its routed interface
     */
    record Pulse(boolean busy, long cpuNanos, int routedFlows) {
        /** Of a machine without a routed interface. */
        public Pulse(boolean busy, long cpuNanos) {
            this(busy, cpuNanos, 0);
        }
    }
}
