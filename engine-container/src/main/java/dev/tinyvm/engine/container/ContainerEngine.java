package dev.tinyvm.engine.container;

import dev.tinyvm.engine.CheckpointStore;
import dev.tinyvm.engine.Engine;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.engine.VolumeStore;
import dev.tinyvm.engine.container.SpawnerClient.Capabilities;
import dev.tinyvm.engine.container.SpawnerClient.Wall;
import dev.tinyvm.engine.container.SpawnerClient.WallState;
import dev.tinyvm.guestlink.GuestLink;
import dev.tinyvm.guestlink.LinkLoop;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Machines behind walls that the spawner makes, by itself (namespaces, cgroups and seccomp) or by an OCI runtime; a guest link does everything
 * inside. The spawner's list is the truth about what exists; this object only knows the machines it has a link to.
 */
public final class ContainerEngine implements Engine {
    private static final Logger LOG = LoggerFactory.getLogger(ContainerEngine.class);
    private static final int PROTOCOL_VERSION = 1;
    /** The spawner lets 1,024 requests wait. */
    private static final int ADOPTED_AT_ONCE = 64;

    private final EngineKind kind;
    private final String runtime;
    /** Whether machines may have been made before they had a name. */
    private final boolean namesGuests;

    private final Path spawnerSocket;
    private final SpawnerClient spawner;
    private final SpawnerVolumes volumes;
    private final SpawnerCheckpoints checkpoints;
    private final LinkLoop loop = new LinkLoop();
    private final Map<String, ContainerMachine> machines = new ConcurrentHashMap<>();
    private volatile boolean closed;

    /** @param spawnerSocket the spawner's socket, {@code <run>/spawner.sock}; need not exist yet */
    public ContainerEngine(Path spawnerSocket) {
        this(spawnerSocket, EngineKind.CONTAINER, "");
    }

    /** The same, with walls that the spawner has an OCI runtime make. @param runtime its name in the spawner's protocol, such as {@code crun} */
    public ContainerEngine(Path spawnerSocket, EngineKind kind, String runtime) {
        this.kind = kind;
        this.runtime = runtime;
        this.namesGuests = kind == EngineKind.GVISOR;
        this.spawnerSocket = spawnerSocket;
        this.spawner = new SpawnerClient(spawnerSocket, new Events());
        this.volumes = new SpawnerVolumes(spawner);
        this.checkpoints = new SpawnerCheckpoints(this, spawner, runtime);
    }

    @Override
    public EngineKind kind() {
        return kind;
    }

    @Override
    public Availability availability() {
        Capabilities can;
        try {
            can = spawner.ping();
        } catch (EngineException e) {
            return new Availability.Missing(
                    "no spawner answers at " + spawnerSocket,
                    "start TinyVM as root (it starts tinyvm-spawner and then gives up root); see the log of the spawner");
        } catch (SpawnerException e) {
            return new Availability.Missing("the spawner refuses: " + e.sentence(), "see the log of the spawner");
        }
        if (can.version() != PROTOCOL_VERSION) {
            return new Availability.Missing(
                    "the spawner speaks protocol version " + can.version() + ", this manager " + PROTOCOL_VERSION,
                    "build both from the same source: ./tinyvm does");
        }
        if (!runtime.isEmpty() && !can.features().contains("runtime-" + runtime)) {
            return new Availability.Missing(
                    "the spawner has no " + runtime,
                    "install " + runtime + " in /usr and start TinyVM again (tinyvm down, tinyvm up)");
        }
        String cgroups = switch (can.cgroupMode()) {
            case 1 -> "cgroup v1";
            case 2 -> "cgroup v2";
            default -> "cgroup v1 and v2 (hybrid)";
        };
        String network = kind == EngineKind.CONTAINER
                ? ", " + NetworkOffer.of(can.features()).words()
                : "";
        return new Availability.Available(cgroups + ", " + can.layers() + " layers" + network);
    }

    /** What the spawner at this socket found that the host's kernel offers. @throws EngineException {@code UNAVAILABLE} when none answers there */
    public static NetworkOffer networkOffer(Path spawnerSocket) {
        try (ContainerEngine engine = new ContainerEngine(spawnerSocket)) {
            return NetworkOffer.of(engine.spawner.ping().features());
        } catch (SpawnerException e) {
            throw Failures.acting("ask the spawner", e);
        }
    }

    @Override
    public Optional<VolumeStore> volumes() {
        return Optional.of(volumes);
    }

    @Override
    public Optional<CheckpointStore> checkpoints() {
        return namesGuests ? Optional.of(checkpoints) : Optional.empty();
    }

    @Override
    public Machine create(MachineSpec spec) {
        return make(spec, () -> spawner.create(spec, runtime));
    }

    /** A machine whose wall this request makes; twice when the spawner died over it. */
    Machine make(MachineSpec spec, Supplier<Wall> request) {
        requireOpen();
        Wall wall;
        try {
            wall = wall(spec, request);
        } catch (SpawnerException e) {
            throw Failures.creating(spec, e);
        } catch (IllegalArgumentException e) {
            throw new EngineException(
                    Code.INVALID, "could not make the machine " + spec.id() + ": " + e.getMessage(), e);
        }
        try {
            ContainerMachine machine = connect(wall);
            if (namesGuests) {
                machine.identify(spec.hostname(), spec.defaultUser());
            }
            return machine;
        } catch (RuntimeException e) {
            removeAfter(spec.id(), e);
            throw e;
        }
    }

    @Override
    public Adoption adopt(List<String> wanted) {
        requireOpen();
        Set<String> kept = Set.copyOf(wanted);
        Semaphore atOnce = new Semaphore(ADOPTED_AT_ONCE);
        List<Machine> live = new ArrayList<>();
        List<String> ended = new ArrayList<>();
        List<String> removed = new ArrayList<>();
        Map<String, Long> counters = new ConcurrentHashMap<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Map<Wall, Future<Machine>> links = new java.util.LinkedHashMap<>();
            Map<Wall, Future<?>> removals = new java.util.LinkedHashMap<>();
            for (Wall wall : walls()) {
                if (kept.contains(wall.id()) && wall.state() != WallState.ENDED) {
                    links.put(wall, threads.submit(() -> within(atOnce, () -> adopt(wall))));
                } else {
                    (kept.contains(wall.id()) ? ended : removed).add(wall.id());
                    removals.put(
                            wall,
                            threads.submit(() -> within(atOnce, () -> {
                                lastCounter(wall.id(), counters);
                                destroy(wall.id());
                                return true;
                            })));
                }
            }
            links.forEach((wall, link) -> {
                try {
                    live.add(result(link));
                } catch (EngineException e) {
                    LOG.warn("{} is wanted but cannot be adopted and is removed: {}", wall.id(), e.getMessage());
                    lastCounter(wall.id(), counters);
                    destroy(wall.id());
                    ended.add(wall.id());
                }
            });
            removals.values().forEach(ContainerEngine::result);
        }
        return new Adoption(live, ended, removed, counters);
    }

    @Override
    public List<String> machines() {
        requireOpen();
        return walls().stream().map(Wall::id).toList();
    }

    @Override
    public void destroy(String id) {
        requireOpen();
        ContainerMachine machine = machines.get(id);
        if (machine != null) {
            machine.destroy();
            return;
        }
        try {
            spawner.destroy(id);
        } catch (SpawnerException e) {
            throw Failures.acting("destroy " + id, e);
        }
    }

    @Override
    public void close() {
        closed = true;
        Collection<ContainerMachine> all = List.copyOf(machines.values());
        machines.clear();
        all.forEach(ContainerMachine::letGo);
        spawner.close();
        loop.close();
    }

    /** Ends the spawner with every wall, for {@code tinyvm down}. This engine is of no use afterwards. */
    public void quitSpawner() {
        requireOpen();
        try {
            spawner.quit();
        } catch (SpawnerException e) {
            throw Failures.acting("end the spawner", e);
        }
    }

    void forget(ContainerMachine machine) {
        machines.remove(machine.id(), machine);
    }

    /** Those of this engine: several share one spawner. */
    private List<Wall> walls() {
        return spawner.list().stream().filter(w -> w.runtime().equals(runtime)).toList();
    }

    /** CREATE; once more after cleaning up when the spawner died over it. */
    private Wall wall(MachineSpec spec, Supplier<Wall> request) {
        try {
            return request.get();
        } catch (SpawnerLostException e) {
            LOG.info("the spawner was lost while it made {}, trying again", spec.id());
            spawner.destroy(spec.id());
        }
        try {
            return request.get();
        } catch (SpawnerLostException e) {
            spawner.destroy(spec.id());
            throw new EngineException(
                    Code.UNAVAILABLE, "could not make the machine " + spec.id() + ": " + e.getMessage(), e);
        }
    }

    /** Of a wall that is to be removed: what it used is billed. */
    private void lastCounter(String id, Map<String, Long> counters) {
        try {
            counters.put(id, spawner.usage(id).cpuMicros());
        } catch (SpawnerException e) {
            LOG.info("the last counter of {} cannot be read: {}", id, e.getMessage());
        }
    }

    private Machine adopt(Wall wall) {
        ContainerMachine known = machines.get(wall.id());
        return known != null && !known.ended().isDone() ? known : connect(wall);
    }

    ContainerMachine connect(Wall wall) {
        GuestLink link = GuestLink.connect(loop, Path.of(wall.socket()), wall.id(), wall.state() == WallState.FROZEN);
        ContainerMachine machine = new ContainerMachine(this, spawner, wall, link);
        machines.put(wall.id(), machine);
        machine.watch();
        if (closed) {
            machine.letGo();
        }
        return machine;
    }

    private void removeAfter(String id, RuntimeException failure) {
        try {
            spawner.destroy(id);
        } catch (RuntimeException e) {
            failure.addSuppressed(e);
            LOG.warn("{} could not be removed after a failed create; it goes with the next adoption", id, e);
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new EngineException(Code.GONE, "the container engine has been closed");
        }
    }

    private static <T> T within(Semaphore permits, Supplier<T> work) throws InterruptedException {
        permits.acquire();
        try {
            return work.get();
        } finally {
            permits.release();
        }
    }

    private static <T> T result(Future<T> future) {
        try {
            return future.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EngineException(Code.TIMEOUT, "could not adopt: interrupted", e);
        } catch (java.util.concurrent.ExecutionException e) {
            if (e.getCause() instanceof EngineException cause) {
                throw new EngineException(cause.code(), String.valueOf(cause.getMessage()), cause);
            }
            throw new IllegalStateException("could not adopt", e);
        }
    }

    /** Finds what ended while nobody listened. */
    private void catchUp() {
        Map<String, WallState> states = new java.util.HashMap<>();
        // Machines first: one that is made between the two is in the list.
        List<ContainerMachine> known = List.copyOf(machines.values());
        try {
            walls().forEach(wall -> states.put(wall.id(), wall.state()));
        } catch (EngineException | SpawnerException e) {
            LOG.warn("could not see what ended while the spawner was away: {}", e.getMessage());
            return;
        }
        for (ContainerMachine machine : known) {
            WallState state = states.get(machine.id());
            if (state == null || state == WallState.ENDED) {
                machine.wallEnded(-1, 0);
            }
        }
    }

    private final class Events implements SpawnerEvents {
        @Override
        public void ended(String id, int waitStatus, long oomKills) {
            ContainerMachine machine = machines.get(id);
            if (machine != null) {
                machine.wallEnded(waitStatus, oomKills);
            }
        }

        @Override
        public void outOfMemory(String id, long oomKills) {
            LOG.info("the kernel killed a process of {} for want of memory ({} so far)", id, oomKills);
        }

        @Override
        public void reconnected() {
            Thread.ofVirtual().name("spawner-catch-up").start(ContainerEngine.this::catchUp);
        }
    }
}
