package dev.tinyvm.manager;

import dev.tinyvm.engine.MachineStats;
import dev.tinyvm.manager.Manager.VmState;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Hears of every change of a Tiny VM's state, also of those that no event tells ({@code running ⇄ waiting}). Called within the Tiny VM's turn, one after another, in
 * order: it must not block for long and not call the manager's verbs of that Tiny VM.
 */
public interface VmMeter {
    /** Nobody listens. */
    VmMeter NONE = change -> {};

    /** Its state is another one now. */
    void changed(Change change);

    /**
     * One change.
     *
     * @param id of the Tiny VM
     * @param name of the Tiny VM
     * @param agent empty for one made by itself
     * @param labels of its descriptor
     * @param from as it was; the same as {@code to} when it was taken up from the manager before, or when its machine is about to be removed
     * @param to as it is
     * @param at when
     * @param stats reads the machine's figures now; empty when there is no machine any more. Costs a request to the wall
     */
    record Change(
            String id,
            String name,
            String agent,
            Map<String, String> labels,
            VmState from,
            VmState to,
            Instant at,
            Supplier<Optional<MachineStats>> stats) {
        public Change {
            labels = Map.copyOf(labels);
        }
    }
}
