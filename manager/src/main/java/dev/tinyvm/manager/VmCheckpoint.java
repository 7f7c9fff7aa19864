package dev.tinyvm.manager;

import dev.tinyvm.engine.CheckpointStore;
import dev.tinyvm.engine.CheckpointStore.Outcome;
import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.VmActivity.Hold;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A checkpoint of one Tiny VM, in its turn. The guest has to let go of its link meanwhile; afterwards the manager takes the machine up as the next manager
 * would: it attaches to the main process where its log ends, and opens the offered ports anew.
 */
final class VmCheckpoint {
    private static final Logger LOG = LoggerFactory.getLogger(VmCheckpoint.class);

    private VmCheckpoint() {}

    /** @return bytes on disk */
    static long write(TinyVm vm, VmRun run, CheckpointStore store, String name, long mostBytes) {
        Machine machine = vm.live("write a checkpoint of it");
        String attempt = "could not write a checkpoint of " + vm.record().name();
        try (Hold _ = vm.waiting().holdInTurn()) {
            boolean paused = vm.record().state() == VmState.PAUSED;
            if (paused) {
                machine.thaw();
            }
            MachineSpec spec = run.machineSpec(vm.record());
            run.unlink();
            Outcome outcome;
            try {
                outcome = store.write(machine, spec, name, mostBytes);
            } catch (EngineException e) {
                relink(run, machine, paused);
                throw e;
            }
            relink(run, outcome.machine(), paused);
            if (outcome.failure().isPresent()) {
                throw outcome.failure().get();
            }
            return outcome.bytes();
        } catch (EngineException e) {
            throw Engines.translate(attempt, e);
        }
    }

    private static void relink(VmRun run, Machine machine, boolean paused) {
        run.relink(machine, !paused);
        if (paused) {
            try {
                machine.freeze();
            } catch (EngineException e) {
                LOG.warn("could not pause {} again: {}", machine.id(), e.getMessage());
            }
        }
    }
}
