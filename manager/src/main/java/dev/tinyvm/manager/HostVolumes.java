package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.VolumeStore;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.spec.Quantities;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Volume;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * The records of named volumes. A record is on disk before the engine is asked for the volume, and goes after the volume's content has gone: what was
 * acknowledged is there after a crash, and a name never shows what an earlier volume of it held. Before a machine is made, its volumes are made again, which
 * is no harm.
 */
final class HostVolumes implements NamedVolumes {
    private final Store store;
    private final Engines engines;
    private final Timing timing;
    private final Supplier<Collection<TinyVm>> vms;
    private final Map<String, Entry> entries = new ConcurrentSkipListMap<>();
    /** Held while volumes are made, removed or taken into use; taken within a Tiny VM's turn, and nothing waits for a turn under it. */
    private final ReentrantLock lock = new ReentrantLock();

    HostVolumes(Store store, Engines engines, Timing timing, Supplier<Collection<TinyVm>> vms) {
        this.store = store;
        this.engines = engines;
        this.timing = timing;
        this.vms = vms;
    }

    /** Before the store is started. */
    void load() {
        store.read(
                        "SELECT name, size_bytes, exclusive, created_at FROM volumes",
                        row -> new Entry(
                                row.getString(1), row.getLong(2), row.getBoolean(3), Micros.toInstant(row.getLong(4))))
                .forEach(entry -> entries.put(entry.name, entry));
    }

    @Override
    public VolumeInfo create(String name, long sizeBytes, boolean exclusive) {
        checkName(name);
        checkSize(sizeBytes);
        lock.lock();
        try {
            if (entries.containsKey(name)) {
                throw new ManagerException(
                        Code.CONFLICT, "there is a volume " + name + " already; choose another name, or use that one");
            }
            Entry entry = new Entry(name, sizeBytes, exclusive, Micros.exact(timing.now()));
            make(entry);
        } finally {
            lock.unlock();
        }
        return get(name);
    }

    @Override
    public List<VolumeInfo> list() {
        return entries.values().stream().map(this::info).toList();
    }

    @Override
    public VolumeInfo get(String name) {
        return info(entry(name));
    }

    @Override
    public VolumeInfo resize(String name, long sizeBytes) {
        checkSize(sizeBytes);
        lock.lock();
        try {
            Entry old = entry(name);
            make(new Entry(name, sizeBytes, old.exclusive, old.createdAt));
        } finally {
            lock.unlock();
        }
        return get(name);
    }

    @Override
    public void remove(String name) {
        lock.lock();
        try {
            Entry entry = entry(name);
            List<String> users = usedBy(name);
            if (!users.isEmpty()) {
                throw new ManagerException(
                        Code.CONFLICT,
                        "could not remove the volume " + name + ": " + String.join(", ", users)
                                + " use it; detach it or remove them first");
            }
            engine(() -> volumes().remove(name));
            store.write(List.of(statements -> statements.run("DELETE FROM volumes WHERE name = ?", entry.name)));
            entries.remove(name);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Sees to it that the named volumes exist, for a Tiny VM that is about to mount them.
     *
     * @throws EngineException {@code MOUNT} when another Tiny VM has one that is exclusive, else as {@link VolumeStore#make}
     */
    void use(TinyVm by, List<Volume> wanted) {
        if (wanted.stream().noneMatch(Volume::isNamed)) {
            return;
        }
        lock.lock();
        try {
            for (Volume volume : wanted) {
                if (!volume.isNamed()) {
                    continue;
                }
                Entry known = entries.get(volume.name());
                if (known == null) {
                    known = new Entry(
                            volume.name(),
                            volume.sizeBytes().orElse(Volume.DEFAULT_SIZE_BYTES),
                            false,
                            Micros.exact(timing.now()));
                    put(known);
                }
                requireFree(known, by);
                volumes().make(known.name, known.sizeBytes);
            }
        } finally {
            lock.unlock();
        }
    }

    private void requireFree(Entry entry, TinyVm by) {
        if (!entry.exclusive) {
            return;
        }
        vms.get().stream()
                .filter(vm -> !vm.id().equals(by.id()) && vm.record().state().live() && names(vm, entry.name))
                .findFirst()
                .ifPresent(vm -> {
                    throw new EngineException(
                            EngineException.Code.MOUNT,
                            "the volume " + entry.name + " is exclusive and "
                                    + vm.record().name() + " has it; stop that one or detach it there first");
                });
    }

    private void make(Entry entry) {
        VolumeStore place = engine(this::volumes);
        put(entry);
        try {
            place.make(entry.name, entry.sizeBytes);
        } catch (EngineException e) {
            throw Engines.translate("could not make the volume " + entry.name, e);
        }
    }

    private void put(Entry entry) {
        store.write(List.of(statements -> statements.run(
                "INSERT OR REPLACE INTO volumes(name, size_bytes, exclusive, created_at) VALUES (?,?,?,?)",
                entry.name,
                entry.sizeBytes,
                entry.exclusive,
                Micros.of(entry.createdAt))));
        entries.put(entry.name, entry);
    }

    private VolumeStore volumes() {
        return engines.all().stream()
                .flatMap(engine -> engine.volumes().stream())
                .findFirst()
                .orElseThrow(() -> new EngineException(
                        EngineException.Code.UNAVAILABLE,
                        "named volumes need the spawner, and this manager has none; start it as root: sudo tinyvm up"));
    }

    private VolumeInfo info(Entry entry) {
        OptionalLong used;
        try {
            used = OptionalLong.of(volumes().usedBytes(entry.name));
        } catch (EngineException e) {
            used = OptionalLong.empty();
        }
        return new VolumeInfo(entry.name, entry.sizeBytes, entry.exclusive, entry.createdAt, used, usedBy(entry.name));
    }

    private List<String> usedBy(String name) {
        return vms.get().stream()
                .filter(vm -> names(vm, name))
                .map(vm -> vm.record().name())
                .toList();
    }

    private static boolean names(TinyVm vm, String name) {
        return vm.spec().volumes().stream().anyMatch(volume -> volume.name().equals(name));
    }

    private Entry entry(String name) {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw new ManagerException(
                    Code.NOT_FOUND, "there is no volume " + name + "; there are " + entries.keySet());
        }
        return entry;
    }

    private static void checkName(String name) {
        Volume.wrongName(name).ifPresent(wrong -> {
            throw new ManagerException(Code.INVALID, "the name of the volume " + wrong);
        });
    }

    private static void checkSize(long bytes) {
        if (bytes < Resources.MIN_DISK_BYTES || bytes > Quantities.MAX_BYTES) {
            throw new ManagerException(
                    Code.INVALID,
                    "a volume of " + bytes + " bytes; allowed are " + Quantities.formatBytes(Resources.MIN_DISK_BYTES)
                            + " to " + Quantities.formatBytes(Quantities.MAX_BYTES));
        }
    }

    private static void engine(Runnable action) {
        boolean _ = engine(() -> {
            action.run();
            return true;
        });
    }

    private static <T> T engine(Supplier<T> action) {
        try {
            return action.get();
        } catch (EngineException e) {
            throw Engines.translate("could not change volumes", e);
        }
    }

    private record Entry(String name, long sizeBytes, boolean exclusive, Instant createdAt) {}
}
