package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.manager.Manager.VmState;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the next manager does with one stored Tiny VM. In a turn of that Tiny VM. */
final class VmRecovery {
    private static final Logger LOG = LoggerFactory.getLogger(VmRecovery.class);

    private VmRecovery() {}

    static void recover(TinyVm vm, VmRun run, Shared shared, @Nullable Machine adopted) {
        VmState state = vm.record().state();
        if (adopted != null) {
            shared.admission().admitRunning(vm.id(), vm.spec().resources());
            run.adopt(adopted);
            try {
                if (state != VmState.STOPPING) {
                    adopted.resize(vm.spec().resources());
                    VmVolumes.mend(vm, run, adopted);
                    vm.routed().mend(adopted);
                }
            } catch (EngineException e) {
                LOG.warn("could not give {} its stored size: {}", vm.record().name(), e.getMessage());
            }
        }
        switch (state) {
            case PENDING -> {
                // In the queue already.
            }
            case STARTING -> {
                if (adopted == null) {
                    run.makeNewMachine();
                } else {
                    thaw(adopted);
                    run.attachMain();
                }
            }
            case RUNNING, WAITING -> {
                if (adopted == null) {
                    run.ended(lost());
                } else {
                    thaw(adopted);
                    run.attachMain();
                }
            }
            case PAUSED -> {
                if (adopted == null) {
                    run.ended(lost());
                } else {
                    run.attachAfterResume();
                    adopted.freeze();
                    vm.idle().begin();
                }
            }
            case STOPPING ->
                run.stop(vm.record().phase().reason(), vm.record().phase().message());
            case STOPPED, FAILED -> {
                // Its end was stored; what was left of its machine has been removed.
            }
        }
    }

    private static Ending lost() {
        return Ending.failed(Ending.MACHINE_LOST, "it ended while no manager was running");
    }

    /** A manager that died between storing and thawing, or between freezing and storing nothing, leaves it frozen. */
    private static void thaw(Machine machine) {
        if (machine.stats().frozen()) {
            machine.thaw();
        }
    }
}
