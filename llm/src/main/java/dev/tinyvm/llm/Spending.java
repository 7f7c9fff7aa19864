package dev.tinyvm.llm;

import dev.tinyvm.llm.wire.LlmException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.LongSupplier;

/**
 * What every agent and key has used, held against its allowance. A request is counted when it begins; tokens and money when it has ended, so calls that are in flight
 * when a budget is reached still end, and none begins after.
 *
 * <p>It lives in memory: {@link #restore} gives it what a ledger has kept.
 */
public final class Spending {
    private static final double NANOS_PER_MINUTE = 60e9;

    private final ConcurrentMap<String, Account> accounts = new ConcurrentHashMap<>();
    private final LongSupplier nanoClock;

    /**
     * Used so far.
     *
     * @param nanoUsd money in billionths of a dollar
     */
    public record Spent(long requests, long tokens, long nanoUsd) {}

    /** With the system's clock. */
    public Spending() {
        this(System::nanoTime);
    }

    Spending(LongSupplier nanoClock) {
        this.nanoClock = nanoClock;
    }

    /** What this scope has used. */
    public Spent spent(String scope) {
        Account account = accounts.get(scope);
        if (account == null) {
            return new Spent(0, 0, 0);
        }
        synchronized (account) {
            return new Spent(account.requests, account.tokens, account.nanoUsd);
        }
    }

    /** Sets what this scope has used, as after a restart. */
    public void restore(String scope, Spent spent) {
        Account account = account(scope);
        synchronized (account) {
            account.requests = spent.requests();
            account.tokens = spent.tokens();
            account.nanoUsd = spent.nanoUsd();
        }
    }

    /** The scope is no more. */
    public void forget(String scope) {
        accounts.remove(scope);
    }

    /**
     * Counts a request in all of its scopes, or in none.
     *
     * @throws LlmException a rate or a budget forbids it
     */
    void begin(List<Allowance> allowances) {
        List<Account> taken = new ArrayList<>(allowances.size());
        try {
            for (Allowance allowance : oneForEachScope(allowances)) {
                Account account = account(allowance.scope());
                account.begin(allowance, nanoClock.getAsLong());
                taken.add(account);
            }
        } catch (LlmException e) {
            taken.forEach(Account::takeBack);
            throw e;
        }
    }

    void settle(List<Allowance> allowances, long tokens, long nanoUsd) {
        for (Allowance allowance : oneForEachScope(allowances)) {
            account(allowance.scope()).settle(tokens, nanoUsd);
        }
    }

    /** Several limits for one account (of the configuration and of a descriptor) hold together, and a call counts once. */
    private static List<Allowance> oneForEachScope(List<Allowance> allowances) {
        if (allowances.size() < 2) {
            return allowances;
        }
        Map<String, Allowance> merged = new LinkedHashMap<>(4);
        allowances.forEach(allowance -> merged.merge(allowance.scope(), allowance, Allowance::tighter));
        return List.copyOf(merged.values());
    }

    private Account account(String scope) {
        return accounts.computeIfAbsent(scope, s -> new Account(nanoClock.getAsLong()));
    }

    private static final class Account {
        private long requests;
        private long tokens;
        private long nanoUsd;
        private double requestsUsedOfRate;
        private double tokensUsedOfRate;
        private long at;

        Account(long now) {
            at = now;
        }

        synchronized void begin(Allowance allowance, long now) {
            refuseSpent(allowance.scope(), "requests", requests, allowance.requests());
            refuseSpent(allowance.scope(), "tokens", tokens, allowance.tokens());
            refuseSpent(allowance.scope(), "billionths of a dollar", nanoUsd, allowance.nanoUsd());
            double minutes = (now - at) / NANOS_PER_MINUTE;
            at = now;
            requestsUsedOfRate = paidOff(requestsUsedOfRate, minutes, allowance.requestsPerMinute());
            tokensUsedOfRate = paidOff(tokensUsedOfRate, minutes, allowance.tokensPerMinute());
            refuseFast(allowance.scope(), "requests", requestsUsedOfRate + 1, allowance.requestsPerMinute());
            refuseFast(allowance.scope(), "tokens", tokensUsedOfRate, allowance.tokensPerMinute());
            requests++;
            requestsUsedOfRate++;
        }

        synchronized void takeBack() {
            requests--;
            requestsUsedOfRate--;
        }

        synchronized void settle(long usedTokens, long usedNanoUsd) {
            tokens += usedTokens;
            nanoUsd += usedNanoUsd;
            tokensUsedOfRate += usedTokens;
        }

        private static double paidOff(double used, double minutes, long perMinute) {
            return perMinute == Allowance.UNLIMITED ? 0 : Math.max(0, used - minutes * perMinute);
        }

        private static void refuseSpent(String scope, String unit, long spent, long budget) {
            if (spent >= budget) {
                throw new LlmException(
                        LlmException.Kind.BUDGET,
                        "the budget of " + scope + " is used up: " + spent + " of " + budget + " " + unit
                                + "; raise it (in the descriptor, or llm.limits of the manager's configuration) to go on");
            }
        }

        private static void refuseFast(String scope, String unit, double used, long perMinute) {
            if (perMinute != Allowance.UNLIMITED && used > perMinute) {
                long seconds = (long) Math.ceil((used - perMinute) * 60 / perMinute);
                throw new LlmException(
                        LlmException.Kind.RATE,
                        scope + " may use " + perMinute + " " + unit + " a minute; wait " + seconds + " s",
                        Math.max(1, seconds));
            }
        }
    }
}
