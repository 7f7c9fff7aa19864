package dev.tinyvm.server;

import dev.tinyvm.manager.Checkpoints;
import dev.tinyvm.manager.Manager.CreateRequest;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Metadata;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;

/** Checkpoints without anything in them. */
final class MemoryCheckpoints implements Checkpoints {
    private final MemoryManager manager;
    private final Map<String, CheckpointInfo> all = new ConcurrentSkipListMap<>();
    /** How long each of them takes to be written or restored. */
    volatile Duration taking = Duration.ZERO;

    MemoryCheckpoints(MemoryManager manager) {
        this.manager = manager;
    }

    @Override
    public CheckpointInfo write(String vm, String name, String owner) {
        VmStatus status = manager.vm(vm);
        LockSupport.parkNanos(taking.toNanos());
        CheckpointInfo made = new CheckpointInfo(
                name.isEmpty() ? "cp-" + all.size() : name,
                status.id(),
                status.name(),
                status.descriptor(),
                "gvisor",
                status.pinnedImage(),
                1_000,
                Instant.now(),
                owner);
        if (all.putIfAbsent(made.name(), made) != null) {
            throw new ManagerException(ManagerException.Code.CONFLICT, "there is a checkpoint " + name);
        }
        return made;
    }

    @Override
    public List<CheckpointInfo> list() {
        return List.copyOf(all.values());
    }

    @Override
    public CheckpointInfo get(String name) {
        CheckpointInfo found = all.get(name);
        if (found == null) {
            throw new ManagerException(ManagerException.Code.NOT_FOUND, "there is no checkpoint " + name);
        }
        return found;
    }

    @Override
    public void remove(String name) {
        CheckpointInfo _ = get(name);
        all.remove(name);
    }

    @Override
    public List<VmStatus> restore(RestoreRequest request) {
        LockSupport.parkNanos(taking.toNanos());
        Agent agent = get(request.checkpoint()).descriptor();
        return IntStream.rangeClosed(1, request.count())
                .mapToObj(i -> manager.create(CreateRequest.of(new Agent(
                        new Metadata(
                                request.name().isEmpty() ? "" : request.name() + "-" + i,
                                agent.metadata().labels()),
                        agent.spec()))))
                .toList();
    }
}
