package dev.tinyvm.server;

import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.manager.NamedVolumes;
import dev.tinyvm.spec.Volume;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;

/** Named volumes without anything in them. */
final class MemoryVolumes implements NamedVolumes {
    final Map<String, Volume> mounted = new ConcurrentHashMap<>();
    final Map<String, byte[]> archives = new ConcurrentHashMap<>();
    private final Map<String, VolumeInfo> all = new ConcurrentSkipListMap<>();

    @Override
    public VolumeInfo create(String name, long sizeBytes, boolean exclusive) {
        VolumeInfo made = new VolumeInfo(name, sizeBytes, exclusive, Instant.now(), OptionalLong.of(0), List.of());
        if (all.putIfAbsent(name, made) != null) {
            throw new ManagerException(ManagerException.Code.CONFLICT, "there is a volume " + name);
        }
        return made;
    }

    @Override
    public List<VolumeInfo> list() {
        return List.copyOf(all.values());
    }

    @Override
    public VolumeInfo get(String name) {
        VolumeInfo found = all.get(name);
        if (found == null) {
            throw new ManagerException(ManagerException.Code.NOT_FOUND, "there is no volume " + name);
        }
        return found;
    }

    @Override
    public VolumeInfo resize(String name, long sizeBytes) {
        VolumeInfo old = get(name);
        all.put(name, new VolumeInfo(name, sizeBytes, old.exclusive(), old.createdAt(), old.usedBytes(), old.usedBy()));
        return get(name);
    }

    @Override
    public void remove(String name) {
        VolumeInfo _ = get(name);
        all.remove(name);
    }
}
