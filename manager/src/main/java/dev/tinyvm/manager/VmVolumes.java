package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Volume;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Volumes that come and go while a Tiny VM runs. Its record says what should be mounted, before it is; the next manager mends what a crash left in between. */
final class VmVolumes {
    private static final Logger LOG = LoggerFactory.getLogger(VmVolumes.class);
    private static final int MAX_VOLUMES = 32;

    private VmVolumes() {}

    /** In the Tiny VM's turn. */
    static boolean attach(TinyVm vm, VmRun run, Shared shared, Volume volume) {
        Machine machine = vm.live("attach a volume to it");
        VmRecord before = vm.record();
        List<Volume> volumes = new ArrayList<>(vm.spec().volumes());
        if (volumes.stream().anyMatch(v -> v.mountPath().equals(volume.mountPath()))) {
            throw new ManagerException(
                    Code.CONFLICT,
                    before.name() + " has a volume at " + volume.mountPath() + " already; detach that first");
        }
        if (volumes.size() >= MAX_VOLUMES) {
            throw new ManagerException(
                    Code.CONFLICT, before.name() + " has " + MAX_VOLUMES + " volumes, the most there can be");
        }
        volumes.add(volume);
        try {
            shared.volumes().use(vm, List.of(volume));
            store(vm, volumes);
            machine.attach(run.machineSpec(vm.record()), volume);
        } catch (EngineException e) {
            if (!vm.record().equals(before)) {
                vm.store(before, "", "");
            }
            throw Engines.translate("could not attach " + volume.source() + " to " + before.name(), e);
        }
        vm.tell("vm.volume-attached", "", Map.of("volume", volume.source(), "mountPath", volume.mountPath()));
        return true;
    }

    /** In the Tiny VM's turn. */
    static boolean detach(TinyVm vm, String mountPath, boolean force) {
        Machine machine = vm.live("detach a volume from it");
        List<Volume> volumes = new ArrayList<>(vm.spec().volumes());
        if (!volumes.removeIf(v -> v.mountPath().equals(mountPath))) {
            throw new ManagerException(
                    Code.NOT_FOUND,
                    vm.record().name() + " has no volume at " + mountPath + "; it has "
                            + vm.spec().volumes().stream()
                                    .map(Volume::mountPath)
                                    .toList());
        }
        try {
            machine.detach(mountPath, force);
        } catch (EngineException e) {
            switch (e.code()) {
                // A manager that died right there: it is not mounted any more.
                case NOT_FOUND -> LOG.info("{}", e.getMessage());
                case LIMIT -> throw new ManagerException(Code.CONFLICT, Engines.message(e), e);
                default ->
                    throw Engines.translate(
                            "could not detach " + mountPath + " from "
                                    + vm.record().name(),
                            e);
            }
        }
        store(vm, volumes);
        vm.tell("vm.volume-detached", "", Map.of("mountPath", mountPath));
        return true;
    }

    /** After an adoption: mounts what the record has and a manager that died could not mount any more. */
    static void mend(TinyVm vm, VmRun run, Machine machine) {
        for (Volume volume : vm.spec().volumes()) {
            try {
                machine.attach(run.machineSpec(vm.record()), volume);
                LOG.info(
                        "mounted {} in {}, which the last manager could not any more",
                        volume.source(),
                        vm.record().name());
            } catch (EngineException e) {
                // As a rule: something is mounted there already.
                LOG.debug("{}", e.getMessage());
            }
        }
    }

    private static void store(TinyVm vm, List<Volume> volumes) {
        VmRecord record = vm.record();
        Agent agent = record.descriptor();
        vm.store(
                record.withDescriptor(new Agent(
                        agent.metadata(), agent.spec().change().volumes(volumes).build())),
                "",
                "");
    }
}
