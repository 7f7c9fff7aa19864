package dev.tinyvm.engine.container;

import dev.tinyvm.engine.CheckpointStore;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * Checkpoints, which the spawner keeps beside the writable layers. While one is written the guest has no link: gVisor cannot save a socket of the host's.
 * Afterwards a machine object with a new link takes the place of the old one.
 */
final class SpawnerCheckpoints implements CheckpointStore {
    /** Longer than the spawner works at one: after that the guest comes back by itself. */
    private static final Duration AWAY = Duration.ofSeconds(150);
    /** Until the guest has seen that it may come back. */
    private static final Duration RETURN = Duration.ofSeconds(20);

    private static final Duration PAUSE = Duration.ofMillis(5);

    private final ContainerEngine engine;
    private final SpawnerClient spawner;
    private final String runtime;

    SpawnerCheckpoints(ContainerEngine engine, SpawnerClient spawner, String runtime) {
        this.engine = engine;
        this.spawner = spawner;
        this.runtime = runtime;
    }

    @Override
    public Outcome write(Machine machine, MachineSpec spec, String name, long mostBytes) {
        if (!(machine instanceof ContainerMachine written)) {
            throw new IllegalArgumentException("a machine of another engine: " + machine.id());
        }
        written.suspend(AWAY);
        long bytes = 0;
        Optional<EngineException> failure = Optional.empty();
        try {
            bytes = spawner.checkpoint(written.id(), name, spec.image(), mostBytes);
        } catch (SpawnerException e) {
            failure = Optional.of(failed(written.id(), e));
        } catch (SpawnerLostException e) {
            failure = Optional.of(new EngineException(
                    Code.UNAVAILABLE,
                    "could not write a checkpoint of " + written.id() + ": " + e.getMessage() + "; try again",
                    e));
        } catch (EngineException e) {
            failure = Optional.of(e);
        }
        try {
            return new Outcome(comeBack(written), bytes, failure);
        } catch (EngineException e) {
            // It cannot be reached any more, if it lives at all: nobody could use it.
            failure.ifPresent(e::addSuppressed);
            written.kill();
            return new Outcome(written, bytes, Optional.of(failure.orElse(e)));
        }
    }

    @Override
    public Machine restore(String name, MachineSpec spec) {
        try {
            return engine.make(spec, () -> spawner.restore(name, spec, runtime));
        } catch (EngineException e) {
            if (e.getCause() instanceof SpawnerException refused
                    && refused.step().equals("find-checkpoint")) {
                throw new EngineException(Code.NOT_FOUND, String.valueOf(e.getMessage()), e);
            }
            throw e;
        }
    }

    @Override
    public Map<String, Long> list() {
        try {
            return spawner.checkpoints();
        } catch (SpawnerException e) {
            throw Failures.acting("list the checkpoints", e);
        }
    }

    @Override
    public void remove(String name) {
        try {
            spawner.removeCheckpoint(name);
        } catch (SpawnerException e) {
            throw Failures.acting("remove the checkpoint " + name, e);
        }
    }

    private ContainerMachine comeBack(ContainerMachine written) {
        long deadline = System.nanoTime() + RETURN.toNanos();
        while (true) {
            try {
                return engine.connect(written.wall());
            } catch (EngineException e) {
                if (System.nanoTime() > deadline || written.ended().isDone()) {
                    throw e;
                }
            }
            try {
                Thread.sleep(PAUSE);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new EngineException(Code.TIMEOUT, "interrupted while " + written.id() + " came back", e);
            }
        }
    }

    private static EngineException failed(String id, SpawnerException e) {
        Code code = switch (e.errno()) {
            case Errno.EOPNOTSUPP, Errno.EINVAL, Errno.EEXIST -> Code.INVALID;
            case Errno.EDQUOT, Errno.ENOSPC, Errno.EBUSY, Errno.EAGAIN -> Code.LIMIT;
            case Errno.ENOENT, Errno.ESRCH -> Code.GONE;
            default -> Code.FAILED;
        };
        return new EngineException(code, "could not write a checkpoint of " + id + ": " + e.sentence(), e);
    }
}
