package dev.tinyvm.ledger;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The LLM calls that are under way. Guarded by the ledger's lock. */
final class CallsInFlight {
    private static final Logger LOG = LoggerFactory.getLogger(CallsInFlight.class);

    private final Ledger ledger;
    private final Accounts accounts;
    private final Map<Long, Call> calls = new HashMap<>();
    private final List<Long> over = new ArrayList<>();
    private long nextNumber;

    /** @param left those that were under way when the process before ended: nobody will tell more of them, so they are billed now */
    CallsInFlight(Ledger ledger, Accounts accounts, List<StoredCall> left) {
        this.ledger = ledger;
        this.accounts = accounts;
        nextNumber = left.isEmpty() ? 1 : left.getLast().number() + 1;
        left.forEach(this::settle);
    }

    private void settle(StoredCall call) {
        accounts.byId(call.account()).ifPresent(entry -> {
            LOG.info(
                    "an LLM call for model '{}' was under way when the manager before ended; it is billed by what was known then: {} tokens in, {} out",
                    call.model(),
                    call.use().inputTokens(),
                    call.use().outputTokens());
            ledger.add(
                    entry,
                    call.model(),
                    call.atMillis(),
                    call.atMillis() + 1,
                    call.use().amounts());
        });
        over.add(call.number());
    }

    LlmCall began(Account who, String model, LlmUse expected) {
        long account = accounts.entry(who, ledger.time().wallMillis()).id();
        Call call = new Call(nextNumber++, who, account, model, expected);
        calls.put(call.number, call);
        return call;
    }

    /** Takes out what has changed. */
    void drainTo(List<StoredCall> changed, List<Long> callsOver, long nowMillis) {
        for (Call call : calls.values()) {
            if (call.dirty) {
                call.dirty = false;
                call.stored = true;
                changed.add(new StoredCall(call.number, call.account, call.model, nowMillis, call.use));
            }
        }
        callsOver.addAll(over);
        over.clear();
    }

    private final class Call implements LlmCall {
        private final long number;
        private final Account who;
        private final long account;
        private final String model;
        private LlmUse use;
        private boolean dirty = true;
        private boolean stored;

        Call(long number, Account who, long account, String model, LlmUse expected) {
            this.number = number;
            this.who = who;
            this.account = account;
            this.model = model;
            this.use = expected;
        }

        @Override
        public void progress(LlmUse now) {
            boolean tell = ledger.locked(() -> {
                boolean first = !dirty && calls.containsKey(number) && !now.equals(use);
                use = now;
                dirty |= first;
                return first;
            });
            if (tell) {
                ledger.changed();
            }
        }

        @Override
        public void ended(LlmUse used) {
            over(used);
        }

        @Override
        public void dropped() {
            over(null);
        }

        /** Out of the calls and into the account in one step, so that one transaction has both. */
        private void over(@Nullable LlmUse used) {
            ledger.locked(() -> {
                if (calls.remove(number) == null) {
                    return true;
                }
                if (stored) {
                    over.add(number);
                }
                if (used != null) {
                    long now = ledger.time().wallMillis();
                    // Looked up again: its Tiny VM may have been removed meanwhile.
                    ledger.add(accounts.entry(who, now), model, now, now + 1, used.amounts());
                }
                return true;
            });
            ledger.changed();
        }
    }
}
