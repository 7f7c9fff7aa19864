package dev.tinyvm.manager;

import dev.tinyvm.engine.Engine;
import dev.tinyvm.engine.Engine.Adoption;
import dev.tinyvm.engine.Engine.Availability;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.Machine;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a manager does at its start: finds the machines of its predecessor, takes up those that are wanted, removes and reports the rest. */
final class Recovery {
    private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);

    private final Shared shared;
    private final VmBook book;

    Recovery(Shared shared, VmBook book) {
        this.shared = shared;
        this.book = book;
    }

    /** Returns when all machines are taken up; restarts that they need go on in the background. */
    void run(List<VmRecord> stored) {
        List<VmRecord> kept = new ArrayList<>();
        List<Change> changes = new ArrayList<>();
        for (VmRecord record : stored) {
            if (record.attached()) {
                changes.add(VmTable.delete(record.id()));
                changes.add(
                        shared.events().about(record, "vm.removed", "the session it belonged to is over", Map.of()));
            } else {
                kept.add(record);
            }
        }
        Set<String> known = new HashSet<>();
        stored.forEach(r -> known.add(r.id()));
        Map<String, Machine> adopted = new HashMap<>();
        Map<String, Long> lastCpuMicros = new HashMap<>();
        for (Engine engine : shared.engines().all()) {
            adopt(engine, kept, known, adopted, lastCpuMicros, changes);
        }
        shared.metering().settleLost(adopted.keySet(), lastCpuMicros);
        removeStrayLogs(kept, changes);
        shared.store().write(changes);
        List<TinyVm> vms = new ArrayList<>();
        for (VmRecord record : kept) {
            TinyVm vm = new TinyVm(shared, record);
            book.add(vm);
            vms.add(vm);
        }
        takeUp(vms, adopted);
    }

    private void adopt(
            Engine engine,
            List<VmRecord> kept,
            Set<String> known,
            Map<String, Machine> adopted,
            Map<String, Long> lastCpuMicros,
            List<Change> changes) {
        if (engine.availability() instanceof Availability.Missing missing) {
            LOG.warn(
                    "the engine {} does not run here: {}; {}",
                    engine.kind().word(),
                    missing.reason(),
                    missing.remedy());
            return;
        }
        List<String> wanted = kept.stream()
                .filter(r -> r.state().live()
                        && r.placement().engine().equals(engine.kind().word()))
                .map(VmRecord::id)
                .toList();
        try {
            Adoption adoption = engine.adopt(wanted);
            adoption.machines().forEach(machine -> adopted.put(machine.id(), machine));
            lastCpuMicros.putAll(adoption.lastCpuMicros());
            for (String id : adoption.removed()) {
                if (!known.contains(id)) {
                    LOG.info("removed machine {} which nobody owns", id);
                    changes.add(shared.events()
                            .about(
                                    "",
                                    "leftover.removed",
                                    "a machine without an owner was removed",
                                    Map.of("machine", id)));
                }
            }
        } catch (EngineException e) {
            throw Engines.translate("could not take up the Tiny VMs of the manager before", e);
        }
    }

    private void removeStrayLogs(List<VmRecord> kept, List<Change> changes) {
        Set<String> owners = new HashSet<>();
        kept.forEach(r -> owners.add(r.id()));
        try (DirectoryStream<Path> directories = Files.newDirectoryStream(shared.logs())) {
            for (Path directory : directories) {
                String id = directory.getFileName().toString();
                if (!owners.contains(id)) {
                    LogFiles.deleteTree(directory);
                    changes.add(shared.events()
                            .about("", "leftover.removed", "a log without an owner was removed", Map.of("log", id)));
                }
            }
        } catch (IOException e) {
            LOG.warn("could not look for logs without an owner: {}", e.getMessage());
        }
    }

    /** In the order of creation, so that those in the queue keep their places; the machines are taken up side by side. */
    private static void takeUp(List<TinyVm> vms, Map<String, Machine> adopted) {
        List<Thread> threads = new ArrayList<>();
        for (TinyVm vm : vms) {
            Machine machine = adopted.get(vm.id());
            if (machine == null) {
                continue;
            }
            threads.add(Thread.ofVirtual().name(vm.id() + "-recovery").start(() -> {
                try {
                    vm.recover(machine);
                } catch (RuntimeException e) {
                    LOG.error("could not take up Tiny VM {}", vm.record().name(), e);
                }
            }));
        }
        for (Thread thread : threads) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
        for (TinyVm vm : vms) {
            if (adopted.get(vm.id()) == null) {
                vm.recoverLater();
            }
        }
    }
}
