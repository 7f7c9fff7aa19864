package dev.tinyvm.engine.container;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.engine.MachineStats;
import dev.tinyvm.guestlink.wire.FrameWriter;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Volume;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The spawner's client. When the connection breaks, it connects again by itself (a supervisor restarts the spawner), subscribes anew, and repeats
 * what may be repeated; every request but CREATE may. Any thread; methods block, at most 30 s (where a runtime works, longer).
 */
final class SpawnerClient implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SpawnerClient.class);
    private static final Duration ANSWER = Duration.ofSeconds(30);
    /** The spawner gives the set-up of a wall up after 60 s, and a checkpoint after 110 s. */
    private static final Duration MADE_BY_RUNTIME = Duration.ofSeconds(65);

    private static final Duration CHECKPOINT = Duration.ofSeconds(130);
    private static final int MIN_CHECKPOINT_BYTES = 4 + 8;
    /** A supervisor needs a moment to start the spawner again. */
    private static final Duration RECONNECT = Duration.ofSeconds(10);

    private static final Duration FIRST_CONNECT = Duration.ofSeconds(2);
    private static final int MERGE_MEMORY = 2;
    private static final long MIN_PAUSE_MILLIS = 5;
    private static final long MAX_PAUSE_MILLIS = 250;

    private final Path socket;
    private final SpawnerEvents events;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition connected = lock.newCondition();
    private @Nullable SpawnerConnection connection;
    private @Nullable String lastProblem;
    private boolean everConnected;
    private boolean closed;

    SpawnerClient(Path socket, SpawnerEvents events) {
        this.socket = socket;
        this.events = events;
        Thread.ofVirtual().name("spawner-connect").start(this::connect);
    }

    /** What the spawner can do. */
    Capabilities ping() {
        return repeated("ask the spawner", SpawnerRequest.PING::frame, payload -> {
            int version = payload.u16();
            int mode = payload.u8();
            String layers = payload.str();
            payload.u32();
            return new Capabilities(version, mode, layers, payload.strings());
        });
    }

    /** Makes a wall. @param runtime OCI runtime that makes it; empty: the spawner itself @throws SpawnerLostException it may or may not have been made */
    Wall create(MachineSpec spec, String runtime) {
        FrameWriter start = runtime.isEmpty()
                ? SpawnerRequest.CREATE.frame()
                : SpawnerRequest.CREATE_UNDER.frame().str(runtime);
        return made("make the machine " + spec.id(), spec, runtime, start);
    }

    /** Makes a wall that goes on where a checkpoint was taken. @throws SpawnerLostException it may or may not have been made */
    Wall restore(String checkpoint, MachineSpec spec, String runtime) {
        return made(
                "restore the machine " + spec.id(),
                spec,
                runtime,
                SpawnerRequest.RESTORE_UNDER.frame().str(checkpoint).str(runtime));
    }

    /** @return bytes @throws SpawnerLostException it may or may not be written */
    long checkpoint(String id, String name, String image, long mostBytes) {
        String attempt = "write a checkpoint of " + id;
        return answer(
                attempt,
                CHECKPOINT,
                current(attempt)
                        .send(
                                SpawnerRequest.CHECKPOINT
                                        .frame()
                                        .str(id)
                                        .str(name)
                                        .str(image)
                                        .u64(mostBytes),
                                payload -> payload.u63()));
    }

    void removeCheckpoint(String name) {
        simple("remove the checkpoint " + name, SpawnerRequest.CHECKPOINT_REMOVE, name);
    }

    /** Names and bytes. */
    Map<String, Long> checkpoints() {
        return repeated("list the checkpoints", SpawnerRequest.CHECKPOINT_LIST::frame, payload -> {
            Map<String, Long> all = new LinkedHashMap<>();
            for (int left = payload.count(MIN_CHECKPOINT_BYTES); left > 0; left--) {
                all.put(payload.str(), payload.u63());
            }
            return all;
        });
    }

    private Wall made(String attempt, MachineSpec spec, String runtime, FrameWriter start) {
        Resources size = spec.resources();
        FrameWriter frame = start.str(spec.id())
                .str(spec.image())
                .u32(size.cpuMillis())
                .u64(size.memoryBytes())
                .u64(size.diskBytes())
                .u32(size.pids())
                .str(spec.hostname())
                .str(spec.defaultUser())
                .u8(size.memoryMerge() ? MERGE_MEMORY : 0)
                .u32(spec.volumes().size());
        for (Volume volume : spec.volumes()) {
            frame.str(volume.source()).str(volume.mountPath()).bool(volume.readOnly());
        }
        return answer(
                attempt,
                runtime.isEmpty() ? ANSWER : MADE_BY_RUNTIME,
                current(attempt)
                        .send(
                                frame,
                                payload ->
                                        new Wall(spec.id(), payload.u32(), WallState.RUNNING, payload.str(), runtime)));
    }

    void destroy(String id) {
        simple("destroy " + id, SpawnerRequest.DESTROY, id);
    }

    void kill(String id) {
        simple("kill " + id, SpawnerRequest.KILL, id);
    }

    void freeze(String id) {
        simple("freeze " + id, SpawnerRequest.FREEZE, id);
    }

    void thaw(String id) {
        simple("thaw " + id, SpawnerRequest.THAW, id);
    }

    void makeVolume(String name, long sizeBytes) {
        repeated(
                "make the volume " + name,
                () -> SpawnerRequest.VOLUME_MAKE.frame().str(name).u64(sizeBytes),
                payload -> true);
    }

    void removeVolume(String name) {
        simple("remove the volume " + name, SpawnerRequest.VOLUME_REMOVE, name);
    }

    long volumeUsedBytes(String name) {
        return repeated(
                "read the figures of the volume " + name,
                () -> SpawnerRequest.VOLUME_USED.frame().str(name),
                payload -> payload.u63());
    }

    /** @throws SpawnerLostException it may or may not be mounted */
    void attach(MachineSpec spec, Volume volume) {
        String attempt = "attach a volume to " + spec.id();
        boolean _ = once(
                attempt,
                SpawnerRequest.ATTACH
                        .frame()
                        .str(spec.id())
                        .str(volume.source())
                        .str(volume.mountPath())
                        .bool(volume.readOnly())
                        .str(spec.defaultUser())
                        .str(spec.image()),
                payload -> true);
    }

    /** @throws SpawnerLostException it may or may not be mounted still */
    void detach(String id, String mountPath, boolean force) {
        String attempt = "detach a volume from " + id;
        boolean _ = once(
                attempt, SpawnerRequest.DETACH.frame().str(id).str(mountPath).bool(force), payload -> true);
    }

    void resize(String id, Resources size) {
        repeated(
                "resize " + id,
                () -> SpawnerRequest.RESIZE
                        .frame()
                        .str(id)
                        .u32(size.cpuMillis())
                        .u64(size.memoryBytes())
                        .u32(size.pids()),
                payload -> true);
    }

    MachineStats stats(String id) {
        return repeated(
                "read the figures of " + id,
                () -> SpawnerRequest.STATS.frame().str(id),
                payload -> new MachineStats(
                        payload.u63(),
                        payload.u63(),
                        payload.u63(),
                        payload.u63(),
                        payload.u63(),
                        payload.i32(),
                        payload.u63(),
                        payload.u63(),
                        payload.u63(),
                        payload.u63(),
                        payload.u63(),
                        payload.bool(),
                        payload.u63()));
    }

    Machine.Usage usage(String id) {
        return repeated(
                "read the counters of " + id,
                () -> SpawnerRequest.USAGE.frame().str(id),
                payload -> new Machine.Usage(payload.u63(), payload.u63()));
    }

    /** All walls, dead or alive. */
    List<Wall> list() {
        WallListParser parser = new WallListParser();
        return repeated(
                "list the machines",
                () -> {
                    parser.reset();
                    return SpawnerRequest.LIST.frame();
                },
                parser);
    }

    /** Ends the spawner and everything it made. */
    void quit() {
        repeated("end the spawner", SpawnerRequest.QUIT::frame, payload -> true);
    }

    @Override
    public void close() {
        SpawnerConnection last;
        lock.lock();
        try {
            closed = true;
            last = connection;
            connection = null;
            connected.signalAll();
        } finally {
            lock.unlock();
        }
        if (last != null) {
            last.close();
        }
    }

    private void simple(String attempt, SpawnerRequest request, String id) {
        repeated(attempt, () -> request.frame().str(id), payload -> true);
    }

    /** Sends a request that may be carried out twice, again while the connection breaks. */
    <T> T repeated(String attempt, Supplier<FrameWriter> request, SpawnerConnection.Parser<T> parser) {
        for (int left = 3; ; left--) {
            try {
                return answer(attempt, current(attempt).send(request.get(), parser));
            } catch (SpawnerLostException e) {
                if (left == 0) {
                    throw new EngineException(Code.UNAVAILABLE, "could not " + attempt + ": " + e.getMessage(), e);
                }
                LOG.info("could not {} at once, trying again: {}", attempt, e.getMessage());
            }
        }
    }

    /** Sends a request that must not be carried out twice. @throws SpawnerLostException it may or may not have been carried out */
    <T> T once(String attempt, FrameWriter request, SpawnerConnection.Parser<T> parser) {
        return answer(attempt, current(attempt).send(request, parser));
    }

    private static <T> T answer(String attempt, CompletableFuture<T> answer) {
        return answer(attempt, ANSWER, answer);
    }

    private static <T> T answer(String attempt, Duration patience, CompletableFuture<T> answer) {
        try {
            return answer.get(patience.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EngineException(Code.TIMEOUT, "could not " + attempt + ": interrupted", e);
        } catch (TimeoutException e) {
            throw new EngineException(
                    Code.TIMEOUT,
                    "could not " + attempt + ": the spawner did not answer in " + patience.toSeconds() + " s",
                    e);
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case SpawnerException refused -> {
                    SpawnerException here =
                            new SpawnerException(refused.errno(), refused.step(), String.valueOf(refused.getMessage()));
                    here.initCause(refused);
                    throw here;
                }
                case SpawnerLostException lost -> {
                    SpawnerLostException here = new SpawnerLostException(String.valueOf(lost.getMessage()));
                    here.initCause(lost);
                    throw here;
                }
                case null, default -> throw new IllegalStateException("could not " + attempt, e);
            }
        }
    }

    private SpawnerConnection current(String attempt) {
        lock.lock();
        try {
            long left = (everConnected ? RECONNECT : FIRST_CONNECT).toNanos();
            while ((connection == null || connection.isBroken()) && !closed && left > 0) {
                left = connected.awaitNanos(left);
            }
            if (closed) {
                throw new EngineException(Code.GONE, "could not " + attempt + ": the engine has been closed");
            }
            SpawnerConnection now = connection;
            if (now == null || now.isBroken()) {
                throw new EngineException(
                        Code.UNAVAILABLE,
                        "could not " + attempt + ": the spawner does not answer at " + socket + " (" + lastProblem
                                + "); is tinyvm-spawner running, and may this user connect to it?");
            }
            return now;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EngineException(Code.TIMEOUT, "could not " + attempt + ": interrupted", e);
        } finally {
            lock.unlock();
        }
    }

    private void connect() {
        long pause = MIN_PAUSE_MILLIS;
        while (true) {
            try {
                SpawnerConnection fresh = new SpawnerConnection(
                        socket,
                        events,
                        () -> Thread.ofVirtual().name("spawner-connect").start(this::connect));
                adopt(fresh);
                return;
            } catch (IOException e) {
                if (!retry(String.valueOf(e.getMessage()))) {
                    return;
                }
            }
            try {
                Thread.sleep(pause);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
            pause = Math.min(2 * pause, MAX_PAUSE_MILLIS);
        }
    }

    private boolean retry(String problem) {
        lock.lock();
        try {
            lastProblem = problem;
            return !closed;
        } finally {
            lock.unlock();
        }
    }

    private void adopt(SpawnerConnection fresh) {
        boolean again;
        CompletableFuture<Boolean> subscribed = fresh.subscribe();
        lock.lock();
        try {
            if (closed) {
                fresh.close();
                return;
            }
            again = everConnected;
            everConnected = true;
            connection = fresh;
            connected.signalAll();
        } finally {
            lock.unlock();
        }
        if (again) {
            LOG.info("connected to the spawner again");
            CompletableFuture<Boolean> _ = subscribed.whenComplete((ok, failure) -> {
                if (failure == null) {
                    events.reconnected();
                }
            });
        }
    }

    /** Collects the parts of a LIST. One request's answers come one after another on one thread; a repeated request starts anew. */
    private static final class WallListParser implements SpawnerConnection.Parser<List<Wall>> {
        private static final int MIN_ITEM_BYTES = 4 + 4 + 1 + 4 + 4;
        private final List<Wall> walls = new ArrayList<>();

        private void reset() {
            walls.clear();
        }

        @Override
        public @Nullable List<Wall> parse(dev.tinyvm.guestlink.wire.PayloadReader payload)
                throws dev.tinyvm.guestlink.wire.WireException {
            boolean more = payload.bool();
            for (int left = payload.count(MIN_ITEM_BYTES); left > 0; left--) {
                String id = payload.str();
                long pid = payload.u32();
                WallState state = switch (payload.u8()) {
                    case 1 -> WallState.RUNNING;
                    case 2 -> WallState.FROZEN;
                    case 3 -> WallState.ENDED;
                    default -> throw new dev.tinyvm.guestlink.wire.WireException("a wall in an unknown state");
                };
                walls.add(new Wall(id, pid, state, payload.str(), payload.str()));
            }
            return more ? null : List.copyOf(walls);
        }
    }

    /** What PING says. @param cgroupMode 1 v1, 2 v2, 3 hybrid */
    record Capabilities(int version, int cgroupMode, String layers, List<String> features) {}

    /** One wall. @param pid of its first process on the host, 0 when ended @param socket of its guest @param runtime that made it; empty: the spawner itself */
    record Wall(String id, long pid, WallState state, String socket, String runtime) {}

    /** How a wall is. */
    enum WallState {
        RUNNING,
        FROZEN,
        ENDED
    }
}
