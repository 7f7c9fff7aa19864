package dev.tinyvm.llm.inside;

import dev.tinyvm.llm.Caller;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.spec.Llm;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.function.Supplier;

/** What the descriptor of the calling Tiny VM allows; empty for clients outside. */
public final class DescriptorLimits implements Function<Caller, Optional<Llm>> {
    private static final Llm NOTHING = new Llm(List.of(), Llm.Budget.NONE, OptionalLong.empty(), OptionalLong.empty());

    private final Supplier<Manager> manager;

    /** @param manager asked with each call, since it is made after the gateway */
    public DescriptorLimits(Supplier<Manager> manager) {
        this.manager = manager;
    }

    @Override
    public Optional<Llm> apply(Caller caller) {
        if (caller.vm().isEmpty()) {
            return Optional.empty();
        }
        try {
            return Optional.of(manager.get().vm(caller.vm()).descriptor().spec().llm());
        } catch (ManagerException e) {
            // Removed while its call was on its way.
            return Optional.of(NOTHING);
        }
    }
}
