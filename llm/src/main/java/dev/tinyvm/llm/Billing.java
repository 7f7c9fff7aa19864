package dev.tinyvm.llm;

import dev.tinyvm.ledger.Account;
import dev.tinyvm.ledger.Ledger;
import dev.tinyvm.ledger.LlmCall;
import dev.tinyvm.ledger.LlmUse;
import dev.tinyvm.llm.wire.Usage;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Between the gateway and the ledger: each call is written down, what was used before is known again after a restart, and a budget for everything bounds LLM calls, too. */
public final class Billing implements UsageListener {
    private static final List<Glob> ANY = List.of(new Glob("*"));

    private final Ledger ledger;

    public Billing(Ledger ledger) {
        this.ledger = ledger;
    }

    /** What agents, keys and live Tiny VMs have used according to the ledger; an agent that is removed and made again begins at nothing. */
    public Spending spending() {
        Spending spending = new Spending();
        ledger.spent()
                .forEach((scope, spent) -> spending.restore(
                        scope, new Spending.Spent(spent.requests(), spent.tokens(), spent.llmNanoUsd())));
        ledger.onForgotten(spending::forget);
        return spending;
    }

    /**
     * The same limits, and what a budget for everything leaves for LLM calls: as much as compute and egress have not used of it.
     *
     * @param limits what holds otherwise
     */
    public Allowance.Source within(Allowance.Source limits) {
        return caller -> {
            List<Allowance> all = new ArrayList<>(limits.of(caller));
            ledger.leftForLlm(caller.vm())
                    .forEach((scope, nanoUsd) -> all.add(new Allowance(
                            scope,
                            ANY,
                            Allowance.UNLIMITED,
                            Allowance.UNLIMITED,
                            Allowance.UNLIMITED,
                            Allowance.UNLIMITED,
                            nanoUsd)));
            return all;
        };
    }

    @Override
    public void used(Call call) {
        ledger.llm(account(call.caller()), call.model(), use(call.usage(), call.nanoUsd()));
    }

    @Override
    public Ongoing began(Caller caller, String model, Usage expected, long nanoUsd) {
        LlmCall call = ledger.begin(account(caller), model, use(expected, nanoUsd));
        return new Ongoing() {
            @Override
            public void progress(Usage soFar, long costing) {
                call.progress(use(soFar, costing));
            }

            @Override
            public void ended(Call over) {
                call.ended(use(over.usage(), over.nanoUsd()));
            }

            @Override
            public void dropped() {
                call.dropped();
            }
        };
    }

    private static Account account(Caller caller) {
        return new Account(caller.vm(), "", caller.agent(), Map.of(), caller.key());
    }

    private static LlmUse use(Usage usage, long nanoUsd) {
        return new LlmUse(usage.inputTokens(), usage.cachedInputTokens(), usage.outputTokens(), nanoUsd);
    }
}
