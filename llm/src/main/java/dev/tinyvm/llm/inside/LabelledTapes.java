package dev.tinyvm.llm.inside;

import dev.tinyvm.llm.Caller;
import dev.tinyvm.llm.TapeSource;
import dev.tinyvm.llm.tape.Tape;
import dev.tinyvm.llm.tape.Tapes;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.ManagerException;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/** Records and replays the calls of Tiny VMs whose labels ask for it. Clients outside ask the door. */
public final class LabelledTapes implements TapeSource {
    private final Tapes tapes;
    private final Supplier<Manager> manager;

    /** @param manager asked with each call, since it is made after the gateway */
    public LabelledTapes(Tapes tapes, Supplier<Manager> manager) {
        this.tapes = tapes;
        this.manager = manager;
    }

    @Override
    public Optional<Tape> of(Caller caller) {
        if (caller.vm().isEmpty()) {
            return Optional.empty();
        }
        Map<String, String> labels;
        try {
            labels = manager.get().vm(caller.vm()).descriptor().metadata().labels();
        } catch (ManagerException e) {
            // Removed while its call was on its way.
            return Optional.empty();
        }
        return tapes.of(
                caller.vm(),
                labels.getOrDefault(Tapes.RECORD_LABEL, ""),
                labels.getOrDefault(Tapes.REPLAY_LABEL, ""),
                labels.getOrDefault(Tapes.MATCH_LABEL, ""));
    }
}
