package dev.tinyvm.manager;

import dev.tinyvm.engine.CheckpointStore;
import dev.tinyvm.engine.Engine;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.spec.Quantities;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The records of checkpoints. The engine has one on disk before its record is written, and the record is on disk before anybody is told; it goes before the
 * checkpoint does. So after a crash there may be a checkpoint without a record, which nobody knows of and the next start removes, but no record without one.
 */
final class HostCheckpoints implements Checkpoints {
    private static final Logger LOG = LoggerFactory.getLogger(HostCheckpoints.class);
    /** For the state of the sandbox's own kernel, beside the memory of its processes. */
    private static final long KERNEL_BYTES = 64L << 20;
    /** Restoring is work for the host's processors and disk. */
    private static final int RESTORED_AT_ONCE = 4;

    private static final int NAME_BITS = 40;

    private final Shared shared;
    private final VmBook book;
    private final Creation creation;
    private final SecureRandom random = new SecureRandom();
    private final NavigableMap<String, CheckpointInfo> all = new ConcurrentSkipListMap<>();
    /** Names and sizes of those that are being written. The monitor guards it. */
    private final Map<String, Long> underWay = new java.util.HashMap<>();

    HostCheckpoints(Shared shared, VmBook book, Creation creation) {
        this.shared = shared;
        this.book = book;
        this.creation = creation;
    }

    /** Before the store is started. */
    void load() {
        CheckpointTable.readAll(shared.store()).forEach(known -> all.put(known.name(), known));
    }

    /** Once the store is started: what a crash left without a record goes, and so does the record of what the disk has lost. */
    void settle() {
        for (Engine engine : shared.engines().all()) {
            if (engine.checkpoints().isEmpty() || engine.availability() instanceof Engine.Availability.Missing) {
                continue;
            }
            try {
                settle(engine.kind(), engine.checkpoints().get());
            } catch (EngineException e) {
                LOG.warn(
                        "could not look at the checkpoints of {}: {}",
                        engine.kind().word(),
                        e.getMessage());
            }
        }
    }

    private void settle(EngineKind kind, CheckpointStore store) {
        Set<String> there = store.list().keySet();
        for (String name : there) {
            if (!all.containsKey(name)) {
                LOG.info("removing the checkpoint {}, which has no record", name);
                store.remove(name);
            }
        }
        for (CheckpointInfo known : List.copyOf(all.values())) {
            if (known.engine().equals(kind.word()) && !there.contains(known.name())) {
                LOG.warn("the checkpoint {} is gone from the disk", known.name());
                forget(known, "checkpoint.lost", "it is gone from the disk");
            }
        }
    }

    @Override
    public CheckpointInfo write(String vm, String name, String owner) {
        TinyVm found = book.get(vm);
        String chosen = name.isEmpty() ? madeUp() : name;
        VmChecks.name(chosen);
        CheckpointStore store = store(found.record());
        long most = found.spec().resources().memoryBytes() + KERNEL_BYTES;
        reserve(chosen, most + found.spec().resources().diskBytes());
        try {
            long bytes = found.checkpoint(store, chosen, most);
            VmRecord record = found.record();
            CheckpointInfo made = new CheckpointInfo(
                    chosen,
                    record.id(),
                    record.name(),
                    record.descriptor(),
                    record.placement().engine(),
                    record.placement().image(),
                    bytes,
                    Micros.exact(shared.timing().now()),
                    owner);
            shared.store()
                    .write(List.of(
                            CheckpointTable.put(made),
                            shared.events()
                                    .about(
                                            record,
                                            "vm.checkpoint",
                                            "",
                                            Map.of("checkpoint", chosen, "bytes", Long.toString(bytes)))));
            all.put(chosen, made);
            return made;
        } finally {
            synchronized (underWay) {
                underWay.remove(chosen);
            }
        }
    }

    @Override
    public List<CheckpointInfo> list() {
        return List.copyOf(all.values());
    }

    @Override
    public CheckpointInfo get(String name) {
        CheckpointInfo found = all.get(name);
        if (found == null) {
            throw new ManagerException(
                    Code.NOT_FOUND, "there is no checkpoint " + name + "; there are " + all.keySet());
        }
        return found;
    }

    @Override
    public void remove(String name) {
        CheckpointInfo found = get(name);
        CheckpointStore store = store(found.engine(), "remove the checkpoint " + name);
        // The record first: what is left of the rest then, the next start removes.
        forget(found, "checkpoint.removed", "");
        try {
            store.remove(name);
        } catch (EngineException e) {
            throw Engines.translate("could not remove the checkpoint " + name + " from the disk at once", e);
        }
    }

    @Override
    public List<VmStatus> restore(RestoreRequest request) {
        CheckpointInfo from = get(request.checkpoint());
        if (request.count() < 1 || request.count() > RestoreRequest.MAX_COUNT) {
            throw new ManagerException(
                    Code.INVALID, "a count of " + request.count() + "; allowed are 1 to " + RestoreRequest.MAX_COUNT);
        }
        CheckpointStore store = store(from.engine(), "restore the checkpoint " + from.name());
        Engines.Choice choice = shared.engines().known(from.engine(), "it goes on from the checkpoint " + from.name());
        List<TinyVm> made = new ArrayList<>();
        Semaphore atOnce = new Semaphore(RESTORED_AT_ONCE);
        RuntimeException failure = null;
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<TinyVm>> copies = new ArrayList<>();
            for (int i = 1; i <= request.count(); i++) {
                String name =
                        request.name().isEmpty() || request.count() == 1 ? request.name() : request.name() + "-" + i;
                copies.add(threads.submit(() -> {
                    atOnce.acquire();
                    try {
                        return creation.restore(from, store, choice, name, request.owner());
                    } finally {
                        atOnce.release();
                    }
                }));
            }
            for (Future<TinyVm> copy : copies) {
                try {
                    made.add(copy.get());
                } catch (ExecutionException e) {
                    failure = e.getCause() instanceof RuntimeException known ? known : new IllegalStateException(e);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    failure = new ManagerException(Code.TIMEOUT, "interrupted while restoring " + from.name(), e);
                }
            }
        }
        if (failure != null) {
            made.forEach(vm -> vm.remove("vm.removed", "another copy could not be made"));
            throw failure;
        }
        return made.stream().map(TinyVm::status).toList();
    }

    private void forget(CheckpointInfo known, String event, String message) {
        shared.store()
                .write(List.of(
                        CheckpointTable.delete(known.name()),
                        shared.events().about("", event, message, Map.of("checkpoint", known.name()))));
        all.remove(known.name());
    }

    /** Its name and room are taken while it is written. */
    private void reserve(String name, long bytes) {
        synchronized (underWay) {
            if (all.containsKey(name) || underWay.containsKey(name)) {
                throw new ManagerException(
                        Code.CONFLICT,
                        "there is a checkpoint " + name + " already; choose another name, or remove that one");
            }
            long most = shared.settings().checkpointBytes();
            long used = all.values().stream().mapToLong(CheckpointInfo::bytes).sum()
                    + underWay.values().stream().mapToLong(Long::longValue).sum();
            if (used + bytes > most) {
                throw new ManagerException(
                        Code.NO_CAPACITY,
                        "checkpoints take " + Quantities.formatBytes(used) + ", and this one may need "
                                + Quantities.formatBytes(bytes) + "; all together may take "
                                + Quantities.formatBytes(most)
                                + ": remove some, or raise gvisor.checkpoints in the configuration");
            }
            underWay.put(name, bytes);
        }
    }

    /** @throws ManagerException {@code INVALID} when its wall cannot write any */
    private CheckpointStore store(VmRecord record) {
        String engine = record.placement().engine();
        return shared.engines()
                .find(engine)
                .flatMap(Engine::checkpoints)
                .orElseThrow(() -> new ManagerException(
                        Code.INVALID,
                        "could not write a checkpoint of " + record.name()
                                + ": only Tiny VMs behind gVisor (`engine: gvisor`) can be written to disk; it is behind "
                                + (engine.isEmpty() ? "no wall yet" : engine)
                                + (engine.equals("wasm")
                                        ? ""
                                        : ", where that would need CRIU, which TinyVM does not offer")));
    }

    private CheckpointStore store(String engine, String attempt) {
        return shared.engines()
                .find(engine)
                .flatMap(Engine::checkpoints)
                .orElseThrow(() -> new ManagerException(
                        Code.UNAVAILABLE,
                        "could not " + attempt + ": it was written by the engine " + engine
                                + ", which this manager does not have; start it as root: sudo tinyvm up"));
    }

    private String madeUp() {
        String name;
        do {
            name = "cp-" + Long.toString(random.nextLong() & ((1L << NAME_BITS) - 1), Character.MAX_RADIX);
        } while (all.containsKey(name));
        return name;
    }
}
