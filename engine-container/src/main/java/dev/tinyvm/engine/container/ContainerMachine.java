package dev.tinyvm.engine.container;

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
import dev.tinyvm.engine.RoutedInterface;
import dev.tinyvm.engine.RoutedRule;
import dev.tinyvm.engine.RoutedStats;
import dev.tinyvm.engine.container.SpawnerClient.Wall;
import dev.tinyvm.guestlink.GuestLink;
import dev.tinyvm.guestlink.LinkEnd;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Volume;
import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One wall and the link into it.
 *
 * <p>Its end is seen twice: the link closes, and the spawner says that the first process ended. Whichever comes first starts {@link #conclude},
 * which waits a moment for the other and then knows the cause. The lock orders freezing and thawing only.
 */
final class ContainerMachine implements Machine {
    private static final Logger LOG = LoggerFactory.getLogger(ContainerMachine.class);
    private static final Duration OTHER_SIGN = Duration.ofSeconds(5);
    private static final Duration END = Duration.ofSeconds(10);
    private static final int SIGKILL = 9;

    private final ContainerEngine engine;
    private final SpawnerClient spawner;
    private final SpawnerVolumes volumes;
    private final SpawnerNetwork network;
    private final Wall wall;
    private final GuestLink link;
    private final ReentrantLock freezing = new ReentrantLock();
    private final CompletableFuture<MachineEnd> ended = new CompletableFuture<>();
    private final CompletableFuture<WallEnd> wallEnd = new CompletableFuture<>();
    private final AtomicBoolean concluding = new AtomicBoolean();
    private volatile boolean requested;
    /** Whether it has, or may have, a routed interface: nobody asks for the counters of one that has none. */
    private volatile boolean routed;
    /** The guest lets go of the link, which says nothing about the machine. */
    private volatile boolean suspended;

    private volatile @Nullable WallThreads threads;
    // Guarded by the lock.
    private @Nullable WallFreezer freezer;
    private boolean freezerGone;

    ContainerMachine(ContainerEngine engine, SpawnerClient spawner, Wall wall, GuestLink link) {
        this.engine = engine;
        this.spawner = spawner;
        this.volumes = new SpawnerVolumes(spawner);
        this.network = new SpawnerNetwork(spawner);
        this.wall = wall;
        this.link = link;
    }

    /** Begins to look for its end. */
    void watch() {
        CompletableFuture<Void> _ = link.ended().thenAccept(end -> {
            if (end.kind() != LinkEnd.Kind.CLOSED_BY_HOST && !suspended) {
                startConcluding();
            }
        });
    }

    /** The spawner's word that the first process ended. */
    void wallEnded(int waitStatus, long oomKills) {
        wallEnd.complete(new WallEnd(waitStatus, oomKills));
        startConcluding();
    }

    void identify(String hostname, String defaultUser) {
        link.identify(hostname, defaultUser);
    }

    /** The guest lets go of the link for a checkpoint. This object is of no use afterwards: another one takes its place. */
    void suspend(Duration atMost) {
        requireLive();
        suspended = true;
        try {
            link.suspend(atMost);
        } catch (EngineException e) {
            suspended = false;
            throw e;
        }
        link.close();
    }

    /** What the spawner knows it by. */
    Wall wall() {
        return wall;
    }

    /** Gives the link up and leaves the machine running. */
    void letGo() {
        letGoOfFreezer();
        link.close();
    }

    @Override
    public String id() {
        return wall.id();
    }

    @Override
    public long hostPid() {
        return wall.pid();
    }

    @Override
    public GuestProcess exec(ExecRequest request) {
        requireLive();
        return link.exec(request);
    }

    @Override
    public List<ProcessInfo> processes() {
        requireLive();
        return link.processes();
    }

    @Override
    public GuestProcess attach(int processId, long stdoutOffset, long stderrOffset) {
        requireLive();
        return link.attach(processId, stdoutOffset, stderrOffset);
    }

    @Override
    public void forget(int processId) {
        requireLive();
        link.forget(processId);
    }

    @Override
    public GuestFiles files() {
        requireLive();
        return link.files();
    }

    @Override
    public GuestConnection dial(int port) {
        requireLive();
        return link.dial(port);
    }

    @Override
    public AutoCloseable listen(int port, Consumer<GuestConnection> handler) {
        requireLive();
        return link.listen(port, handler);
    }

    @Override
    public boolean hasDatagrams() {
        return true;
    }

    @Override
    public AutoCloseable answerDatagrams(int port, Function<byte[], Optional<byte[]>> answering) {
        requireLive();
        return link.answerDatagrams(port, answering);
    }

    @Override
    public void freeze() {
        requireLive();
        freezing.lock();
        try {
            link.setFrozen(true);
            if (!byFile(WallFreezer::freeze)) {
                spawner.freeze(id());
            }
        } catch (SpawnerException e) {
            link.setFrozen(false);
            throw Failures.acting("freeze " + id(), e);
        } catch (EngineException e) {
            link.setFrozen(false);
            throw e;
        } finally {
            freezing.unlock();
        }
    }

    @Override
    public void thaw() {
        requireLive();
        freezing.lock();
        try {
            boolean done = byFile(freezer -> {
                freezer.thaw();
                return true;
            });
            if (!done) {
                spawner.thaw(id());
            }
            link.setFrozen(false);
        } catch (SpawnerException e) {
            throw Failures.acting("thaw " + id(), e);
        } finally {
            freezing.unlock();
        }
    }

    /** With the lock held. @return false: the spawner has to do it, or to say what is wrong */
    private boolean byFile(ByFile action) {
        if (freezerGone) {
            return false;
        }
        try {
            WallFreezer known = freezer;
            if (known == null) {
                known = WallFreezer.of(WallCgroups.of(wall.pid()));
                freezer = known;
            }
            return action.on(known);
        } catch (IOException e) {
            LOG.debug("the spawner is asked to freeze or thaw {}: {}", id(), e.getMessage());
            closeFreezer();
            return false;
        }
    }

    /** Before its place in the spawner can be another's. */
    private void letGoOfFreezer() {
        freezing.lock();
        try {
            freezerGone = true;
            closeFreezer();
        } finally {
            freezing.unlock();
        }
    }

    /** With the lock held. */
    private void closeFreezer() {
        try (WallFreezer _ = freezer) {
            freezer = null;
        } catch (IOException e) {
            LOG.debug("a file of {} could not be closed: {}", id(), e.getMessage());
        }
    }

    @Override
    public void attach(MachineSpec spec, Volume volume) {
        requireLive();
        volumes.attach(spec, volume);
    }

    @Override
    public void detach(String mountPath, boolean force) {
        requireLive();
        volumes.detach(id(), mountPath, force);
    }

    @Override
    public RoutedInterface attachNetwork(List<RoutedRule> rules) {
        requireLive();
        routed = true;
        return network.attach(id(), rules);
    }

    @Override
    public void detachNetwork() {
        requireLive();
        network.detach(id());
        routed = false;
    }

    @Override
    public void setNetworkRules(List<RoutedRule> rules) {
        requireLive();
        network.setRules(id(), rules);
    }

    @Override
    public Optional<RoutedStats> networkStats() {
        Optional<RoutedStats> stats = network.stats(id());
        routed = stats.isPresent();
        return stats;
    }

    @Override
    public void resize(Resources resources) {
        requireLive();
        asked("resize " + id(), () -> {
            spawner.resize(id(), resources);
            return true;
        });
    }

    @Override
    public MachineStats stats() {
        requireLive();
        return asked("read the figures of " + id(), () -> spawner.stats(id()));
    }

    @Override
    public Pulse pulse() {
        return looked(known -> {
            Pulse pulse = known.pulse();
            return routed
                    ? new Pulse(
                            pulse.busy(),
                            pulse.cpuNanos(),
                            RoutedFlows.peers(wall.pid()).size())
                    : pulse;
        });
    }

    @Override
    public long cpuNanos() {
        return looked(WallThreads::cpuNanos);
    }

    private <T> T looked(Look<T> look) {
        requireLive();
        try {
            WallThreads known = threads;
            if (known == null) {
                known = WallThreads.of(WallCgroups.of(wall.pid()));
                threads = known;
            }
            return look.at(known);
        } catch (IOException e) {
            requireLive();
            throw new EngineException(
                    Code.UNAVAILABLE, "could not look at the threads of " + id() + ": " + e.getMessage(), e);
        }
    }

    @Override
    public Usage usage() {
        Usage wallUsed = asked("read the counters of " + id(), () -> spawner.usage(id()));
        return routed ? new Usage(wallUsed.cpuMicros(), wallUsed.memoryBytes(), routedBytesOut()) : wallUsed;
    }

    /** What the wall itself used is billed, also when its interface does not answer. */
    private long routedBytesOut() {
        try {
            return networkStats().map(RoutedStats::bytesOut).orElse(0L);
        } catch (EngineException e) {
            LOG.info("{}", e.getMessage());
            return -1;
        }
    }

    @Override
    public Set<InetAddress> routedPeers() {
        requireLive();
        try {
            return RoutedFlows.peers(wall.pid());
        } catch (IOException e) {
            requireLive();
            throw new EngineException(
                    Code.UNAVAILABLE, "could not look at the connections of " + id() + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void shutdown(Duration gracePeriod) {
        requireLive();
        thaw();
        requested = true;
        try {
            link.shutdown(gracePeriod);
            ended.get(END.toNanos(), TimeUnit.NANOSECONDS);
        } catch (EngineException | TimeoutException e) {
            LOG.info("{} did not shut down and is killed: {}", id(), e.getMessage());
            kill();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EngineException(Code.TIMEOUT, "could not shut " + id() + " down: interrupted", e);
        } catch (java.util.concurrent.ExecutionException e) {
            throw new IllegalStateException("a machine's end is never exceptional", e);
        }
    }

    @Override
    public void kill() {
        if (ended.isDone() && !requested) {
            requireLive();
        }
        requested = true;
        asked("kill " + id(), () -> {
            spawner.kill(id());
            return true;
        });
    }

    @Override
    public void destroy() {
        requested = true;
        letGoOfFreezer();
        asked("destroy " + id(), () -> {
            spawner.destroy(id());
            return true;
        });
        link.close();
        ended.complete(new MachineEnd(MachineEnd.Cause.REQUESTED, id() + " was destroyed"));
        engine.forget(this);
    }

    @Override
    public CompletableFuture<MachineEnd> ended() {
        return ended.copy();
    }

    private void startConcluding() {
        if (concluding.compareAndSet(false, true)) {
            Thread.ofVirtual().name("end-of-" + id()).start(this::conclude);
        }
    }

    private void conclude() {
        LinkEnd linkEnd;
        try {
            linkEnd = link.ended()
                    .completeOnTimeout(null, OTHER_SIGN.toMillis(), TimeUnit.MILLISECONDS)
                    .join();
            if (linkEnd == null) {
                link.close();
                linkEnd = new LinkEnd(LinkEnd.Kind.CLOSED_BY_GUEST, "the first process ended");
            }
            if (linkEnd.kind() == LinkEnd.Kind.PROTOCOL) {
                LOG.warn("{}", linkEnd.detail());
                spawner.kill(id());
                ended.complete(new MachineEnd(MachineEnd.Cause.PROTOCOL_VIOLATION, linkEnd.detail()));
                return;
            }
            ended.complete(cause());
        } catch (EngineException | SpawnerException | SpawnerLostException e) {
            LOG.warn("the end of {} has an unknown cause: {}", id(), e.getMessage());
            ended.complete(new MachineEnd(
                    requested ? MachineEnd.Cause.REQUESTED : MachineEnd.Cause.GUEST_LOST,
                    id() + " ended; its cause is unknown: " + e.getMessage()));
        }
    }

    private MachineEnd cause() {
        if (requested) {
            return new MachineEnd(MachineEnd.Cause.REQUESTED, id() + " was stopped");
        }
        WallEnd end = wallEnd.completeOnTimeout(WallEnd.UNSEEN, OTHER_SIGN.toMillis(), TimeUnit.MILLISECONDS)
                .join();
        if (end.equals(WallEnd.UNSEEN)) {
            // Either the event was missed, or the first process lives on without its link: nobody can use it then.
            spawner.kill(id());
        }
        if (requested) {
            return new MachineEnd(MachineEnd.Cause.REQUESTED, id() + " was stopped");
        }
        long oomKills = Math.max(end.oomKills, oomKillsNow());
        if (oomKills > 0 && (end.waitStatus < 0 || (end.waitStatus & 0x7f) == SIGKILL)) {
            return new MachineEnd(
                    MachineEnd.Cause.OOM_KILLED,
                    "the kernel killed the first process of " + id() + ": out of memory; give it more than it has");
        }
        return new MachineEnd(
                MachineEnd.Cause.GUEST_LOST, "the guest of " + id() + " ended by itself" + how(end.waitStatus));
    }

    private long oomKillsNow() {
        try {
            return spawner.stats(id()).oomKills();
        } catch (EngineException | SpawnerException e) {
            LOG.debug("the figures of {} are gone with it", id(), e);
            return 0;
        }
    }

    private static String how(int waitStatus) {
        if (waitStatus < 0) {
            return "";
        }
        int signal = waitStatus & 0x7f;
        return signal == 0 ? " with the exit code " + (waitStatus >> 8 & 0xff) : " by signal " + signal;
    }

    private void requireLive() {
        MachineEnd end = ended.getNow(null);
        if (end != null) {
            throw new EngineException(Code.GONE, "the machine " + id() + " has ended: " + end.detail());
        }
    }

    private static <T> T asked(String attempt, Supplier<T> request) {
        try {
            return request.get();
        } catch (SpawnerException e) {
            throw Failures.acting(attempt, e);
        }
    }

    private interface ByFile {
        boolean on(WallFreezer freezer) throws IOException;
    }

    private interface Look<T> {
        T at(WallThreads threads) throws IOException;
    }

    /** What the spawner said of the end. @param waitStatus as wait(2) says it, −1 unknown */
    private record WallEnd(int waitStatus, long oomKills) {
        private static final WallEnd UNSEEN = new WallEnd(-1, 0);
    }
}
