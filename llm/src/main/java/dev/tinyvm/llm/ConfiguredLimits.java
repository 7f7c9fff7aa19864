package dev.tinyvm.llm;

import dev.tinyvm.spec.Llm;
import dev.tinyvm.spec.LlmConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * {@code llm.limits} of the manager's configuration, together with what each agent's descriptor says. Both hold; they are counted on one account for each key ({@code key:NAME}) and each agent
 * ({@code agent:NAME}), so the account of a name lives as long as the manager, whatever limit names it.
 */
public final class ConfiguredLimits implements Allowance.Source {
    private final List<LlmConfig.Limit> limits;
    private final Function<Caller, Optional<Llm>> descriptors;

    /** @param descriptors what a caller's own descriptor allows; empty: it has none */
    public ConfiguredLimits(List<LlmConfig.Limit> limits, Function<Caller, Optional<Llm>> descriptors) {
        this.limits = List.copyOf(limits);
        this.descriptors = descriptors;
    }

    /** The account of an agent. */
    public static String agent(String name) {
        return "agent:" + name;
    }

    /** The account of a Tiny VM that belongs to no agent. */
    public static String vm(String id) {
        return "vm:" + id;
    }

    /** The account of a key. */
    public static String key(String name) {
        return "key:" + name;
    }

    @Override
    public List<Allowance> of(Caller caller) {
        List<Allowance> all = new ArrayList<>(3);
        if (!caller.key().isEmpty()) {
            all.add(first(LlmConfig.Scope.KEY, caller.key(), key(caller.key())));
        }
        if (!caller.agent().isEmpty()) {
            all.add(first(LlmConfig.Scope.AGENT, caller.agent(), agent(caller.agent())));
        }
        String own = caller.agent().isEmpty() ? vm(caller.vm()) : agent(caller.agent());
        descriptors.apply(caller).ifPresent(llm -> all.add(Allowance.of(own, llm)));
        return all;
    }

    private Allowance first(LlmConfig.Scope scope, String name, String account) {
        return limits.stream()
                .filter(limit -> limit.scope() == scope && new Glob(limit.name()).matches(name))
                .findFirst()
                .map(limit -> Allowance.of(account, limit.allowed()))
                .orElseGet(() -> Allowance.unlimited(account));
    }
}
