package dev.tinyvm.engine.container;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.engine.VolumeStore;
import dev.tinyvm.spec.Volume;

/** Named volumes, which the spawner keeps, and those that come and go while a machine runs. */
final class SpawnerVolumes implements VolumeStore {
    private static final int EOPNOTSUPP = 95;

    private final SpawnerClient spawner;

    SpawnerVolumes(SpawnerClient spawner) {
        this.spawner = spawner;
    }

    @Override
    public void make(String name, long sizeBytes) {
        try {
            spawner.makeVolume(name, sizeBytes);
        } catch (SpawnerException e) {
            throw stored("make the volume " + name, e);
        }
    }

    @Override
    public void remove(String name) {
        try {
            spawner.removeVolume(name);
        } catch (SpawnerException e) {
            throw stored("remove the volume " + name, e);
        }
    }

    @Override
    public long usedBytes(String name) {
        try {
            return spawner.volumeUsedBytes(name);
        } catch (SpawnerException e) {
            throw stored("read the figures of the volume " + name, e);
        }
    }

    /** @throws EngineException as {@link dev.tinyvm.engine.Machine#attach} */
    void attach(MachineSpec spec, Volume volume) {
        String attempt = "could not mount " + volume.source() + " at " + volume.mountPath() + " in " + spec.id() + ": ";
        try {
            spawner.attach(spec, volume);
        } catch (SpawnerLostException e) {
            throw new EngineException(
                    Code.UNAVAILABLE, attempt + e.getMessage() + "; look whether it is there, and try again", e);
        } catch (SpawnerException e) {
            Code code = switch (e.errno()) {
                case Errno.ESRCH -> Code.GONE;
                case EOPNOTSUPP, Errno.EINVAL -> Code.INVALID;
                default -> e.step().equals("find") ? Code.GONE : Code.MOUNT;
            };
            throw new EngineException(code, attempt + e.sentence(), e);
        }
    }

    /** @throws EngineException as {@link dev.tinyvm.engine.Machine#detach} */
    void detach(String id, String mountPath, boolean force) {
        String attempt = "could not take the volume at " + mountPath + " from " + id + ": ";
        try {
            spawner.detach(id, mountPath, force);
        } catch (SpawnerLostException e) {
            throw new EngineException(
                    Code.UNAVAILABLE, attempt + e.getMessage() + "; look whether it is gone, and try again", e);
        } catch (SpawnerException e) {
            Code code = switch (e.errno()) {
                case Errno.EBUSY -> Code.LIMIT;
                case Errno.ENOENT -> e.step().equals("find") ? Code.GONE : Code.NOT_FOUND;
                case Errno.ESRCH -> Code.GONE;
                case EOPNOTSUPP, Errno.EINVAL -> Code.INVALID;
                default -> Code.FAILED;
            };
            throw new EngineException(
                    code,
                    attempt
                            + e.sentence()
                            + (code == Code.LIMIT ? "; end it, or force it, and it goes on with what it has open" : ""),
                    e);
        }
    }

    private static EngineException stored(String attempt, SpawnerException e) {
        Code code = switch (e.errno()) {
            case Errno.ENOSPC, Errno.EDQUOT -> Code.LIMIT;
            case Errno.ENOENT -> Code.NOT_FOUND;
            case Errno.EINVAL -> Code.INVALID;
            default -> e.step().endsWith("-store") || e.step().endsWith("-pool") ? Code.UNAVAILABLE : Code.FAILED;
        };
        return new EngineException(code, "could not " + attempt + ": " + e.sentence(), e);
    }
}
