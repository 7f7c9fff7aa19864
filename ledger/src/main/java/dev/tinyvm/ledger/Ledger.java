package dev.tinyvm.ledger;

import dev.tinyvm.spec.LedgerPrices;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * The one record of what was used and what it costs.
 *
 * <p>Whoever uses something tells it here at once; it is added up in memory, one line for each account and model, and a single thread writes what has gathered, together with the
 * positions of the meters, in one transaction (SQLite, write-ahead log, synchronous=FULL). So a death loses what came since the last transaction, under a second, and what
 * a machine's counter still says is not lost at all: the next ledger goes on from the stored position.
 *
 * <p>It is a database of its own and not the manager's: its commits come every second whatever happens, and must not make the creation of a Tiny VM wait; it outlives the
 * records of Tiny VMs and grows, and it is what one keeps and copies for accounting.
 *
 * <p>One lock guards everything in memory and is held for microseconds; the database has its own.
 */
public final class Ledger implements AutoCloseable {
    private final LedgerDatabase database;
    private final PriceBook prices;
    private final LedgerTime time;
    private final LedgerWriter writer;
    private final ReentrantLock lock = new ReentrantLock();
    private final Accounts accounts;
    private final CallsInFlight calls;
    private final Map<String, MachineMeter> meters = new HashMap<>();
    private final List<UsedUp> usedUp = new ArrayList<>();
    private final List<Batch.Epoch> epochs = new ArrayList<>();
    private final long lastHeartbeatMillis;
    private volatile BudgetListener budgets = (scope, spent, budget) -> {};
    private volatile Consumer<String> forgotten = scope -> {};
    private long lastBatch;

    private Ledger(LedgerDatabase database, LedgerPrices prices, LedgerTime time, Duration linesKept) {
        this.database = database;
        this.prices = new PriceBook(prices);
        this.time = time;
        LedgerDatabase.Loaded loaded = database.load();
        this.lastBatch = loaded.lastBatch();
        this.lastHeartbeatMillis = loaded.heartbeatMillis();
        this.accounts = new Accounts(database, loaded);
        this.calls = new CallsInFlight(this, accounts, loaded.calls());
        this.writer = new LedgerWriter(this, database, linesKept);
    }

    /**
     * Opens or makes the ledger, with its directory.
     *
     * @param linesKept how long single lines are kept before those of an account and an hour are merged
     * @throws LedgerException when the file is damaged or of a newer version
     */
    public static Ledger open(Path file, LedgerPrices prices, Duration linesKept, LedgerTime time) {
        LedgerDatabase database = LedgerDatabase.open(file);
        try {
            Ledger ledger = new Ledger(database, prices, time, linesKept);
            ledger.writer.start();
            ledger.writer.gather(); // What was settled at the start.
            return ledger;
        } catch (RuntimeException e) {
            database.close();
            throw e;
        }
    }

    /** Hears, on the thread that used it up, that a budget is used up: it must be quick and must not wait for this ledger. */
    @FunctionalInterface
    public interface BudgetListener {
        void exceeded(String scope, long spentNanoUsd, long budgetNanoUsd);
    }

    public static String vmScope(String vm) {
        return "vm:" + vm;
    }

    public static String agentScope(String agent) {
        return "agent:" + agent;
    }

    public static String keyScope(String key) {
        return "key:" + key;
    }

    /** Who hears of scopes that begin anew or are no more; called on the thread that forgets them. */
    public void onForgotten(Consumer<String> listener) {
        forgotten = listener;
    }

    // Machines

    /**
     * The meter of a machine that was made, or of one that the manager before left: that one goes on where it was left.
     *
     * @param generation which machine of the Tiny VM it is; the counters of each begin at 0
     * @param sinceMillis when the machine was made, for one that no meter has seen; −1: now
     */
    public MachineMeter meter(Account account, int generation, long sinceMillis) {
        return locked(() -> {
            Entry entry = accounts.entry(account, time.wallMillis());
            MachineMeter before = meters.remove(account.vm());
            if (before != null) {
                before.close();
            }
            Position position = entry.position();
            if (position != null && position.generation() != generation) {
                settle(entry, position, OptionalLong.empty());
                position = null;
            }
            long now = time.wallMillis();
            long from = position != null ? position.atMillis() : sinceMillis < 0 ? now : Math.min(sinceMillis, now);
            if (position == null) {
                entry.position(new Position(generation, MachineMeter.Mode.ACTIVE, from, 0, -1, 0));
            }
            MachineMeter meter = new MachineMeter(this, entry, time.nanos());
            meter.catchUp(from, now);
            meters.put(account.vm(), meter);
            return meter;
        });
    }

    /**
     * Ends the accounts of machines that did not outlive the manager before: what it saw is billed up to its last sign of life, CPU up to the machine's last counter when that
     * is known.
     *
     * @param alive ids of Tiny VMs whose machine lives
     * @param lastCpuMicros by id of the Tiny VM
     */
    public void settleLost(Set<String> alive, Map<String, Long> lastCpuMicros) {
        locked(() -> {
            for (Entry entry : accounts.ofVms()) {
                Position position = entry.position();
                String vm = entry.account().vm();
                if (position != null && !alive.contains(vm) && !meters.containsKey(vm)) {
                    Long cpu = lastCpuMicros.get(vm);
                    settle(entry, position, cpu == null ? OptionalLong.empty() : OptionalLong.of(cpu));
                }
            }
            return true;
        });
    }

    private void settle(Entry entry, Position position, OptionalLong cpuMicros) {
        long to = Math.max(position.atMillis(), lastHeartbeatMillis);
        long millis = to - position.atMillis();
        long cpu = Math.max(0, cpuMicros.orElse(position.cpuMicros()) - position.cpuMicros());
        if (millis > 0 || cpu > 0) {
            Amounts amounts = MachineMeter.amounts(
                    prices, entry, position.mode(), millis, cpu, Math.max(0, position.memoryBytes()));
            add(entry, "", to - Math.max(1, millis), to, amounts);
        }
        entry.position(null);
    }

    // Other use

    /** Adds LLM use of a Tiny VM or of a client outside. @param model as the provider calls it; {@code -} when it is empty @param who taken as it is when it is the first that the ledger hears of it */
    public void llm(Account who, String model, LlmUse use) {
        locked(() -> {
            long now = time.wallMillis();
            add(accounts.entry(who, now), named(model), now, now + 1, use.amounts());
            return true;
        });
        writer.gather();
    }

    /**
     * An LLM call goes out. What is known of it is on disk within a second, and the next ledger bills it so if this one is killed before it ends.
     *
     * @param expected the guess at its beginning: the prompt
     */
    public LlmCall begin(Account who, String model, LlmUse expected) {
        LlmCall call = locked(() -> calls.began(who, named(model), expected));
        writer.gather();
        return call;
    }

    private static String named(String model) {
        return model.isEmpty() ? "-" : model;
    }

    /** Adds bytes that a Tiny VM sent out of the host; unknown ones are ignored. */
    public void egress(String vm, long bytes) {
        locked(() -> {
            Entry entry = accounts.known(vm);
            if (entry != null && bytes > 0) {
                addEgress(entry, bytes);
            }
            return true;
        });
        writer.gather();
    }

    /** With the lock. */
    void addEgress(Entry entry, long bytes) {
        long now = time.wallMillis();
        Amounts amounts = Amounts.NONE
                .with(Measure.EGRESS_BYTES, bytes)
                .with(Measure.EGRESS_NANO_USD, entry.wholeEgress(prices.egress(bytes)));
        add(entry, "", now, now + 1, amounts);
    }

    // Budgets

    /** Who hears of budgets that are used up. */
    public void onExceeded(BudgetListener listener) {
        budgets = listener;
    }

    /** Sets or changes the budget of a scope, for all of its money in its whole life; empty: none. The listener hears at once when it is used up already. */
    public void budget(String scope, OptionalLong nanoUsd) {
        locked(() -> {
            Standing standing = accounts.standing(scope);
            if (standing.budget(nanoUsd.orElse(Standing.NO_BUDGET))) {
                usedUp.add(UsedUp.of(standing));
            }
            return true;
        });
    }

    /** By scope of this Tiny VM with a budget: how much LLM calls may have used in all, in billionths of a dollar. What else was used is taken off. */
    public Map<String, Long> leftForLlm(String vm) {
        return locked(() -> {
            Entry entry = accounts.inMemory(vm);
            if (entry == null) {
                return Map.of();
            }
            return entry.leftForLlm();
        });
    }

    /** Whether the budget of this scope is used up. */
    public boolean isUsedUp(String scope) {
        return locked(() -> {
            Standing standing = accounts.standings().get(scope);
            return standing != null && standing.usedUp();
        });
    }

    /** What a scope has used in its life, as far as it is known here: an agent since it was made, a key since the ledger was, a Tiny VM while it is in the manager's list. */
    public Spent spent(String scope) {
        return locked(() -> {
            Standing standing = accounts.standings().get(scope);
            return standing == null ? Spent.NOTHING : standing.spent();
        });
    }

    /** What all agents, keys and live Tiny VMs have used: for who must go on from there. */
    public Map<String, Spent> spent() {
        return locked(() -> {
            Map<String, Spent> all = new HashMap<>();
            accounts.standings().forEach((scope, standing) -> all.put(scope, standing.spent()));
            return all;
        });
    }

    /** A Tiny VM was removed: its lines stay, its meter and budget go. */
    public void forgetVm(String vm) {
        locked(() -> {
            Entry entry = accounts.inMemory(vm);
            if (entry != null) {
                entry.forget();
            }
            return true;
        });
        forgotten.accept(vmScope(vm));
    }

    /** An agent was removed: one of the same name that is made later begins at 0. */
    public void forgetAgent(String agent) {
        locked(() -> {
            String scope = agentScope(agent);
            accounts.standing(scope).reset();
            epochs.add(new Batch.Epoch(scope, time.wallMillis(), accounts.nextId()));
            return true;
        });
        forgotten.accept(agentScope(agent));
        writer.gather();
    }

    // Reading

    /** Adds up, with all that was used until now. */
    public Bill bill(BillQuery query) {
        sync();
        return new BillReader(database).read(query);
    }

    /** Lines of the record, in the order in which they were written. */
    public List<UsageRecord> records(RecordQuery query) {
        sync();
        return database.records(query);
    }

    /** Returns when all that was used until now is on disk. */
    public void sync() {
        locked(() -> {
            meters.values().forEach(MachineMeter::touch);
            return true;
        });
        tell();
        writer.flush();
    }

    /** A round of readings is over: it is written now. Does not wait. */
    public void roundOver() {
        writer.soon();
    }

    /** Writes all and closes; meters stay open, for the next ledger. */
    @Override
    public void close() {
        locked(() -> {
            meters.values().forEach(MachineMeter::touch);
            return true;
        });
        writer.close();
        database.close();
    }

    // For the parts of this ledger

    LedgerTime time() {
        return time;
    }

    PriceBook prices() {
        return prices;
    }

    <T> T locked(Supplier<T> action) {
        lock.lock();
        try {
            return action.get();
        } finally {
            lock.unlock();
            if (!lock.isHeldByCurrentThread()) {
                tell();
            }
        }
    }

    /** Something is to be written soon. */
    void changed() {
        writer.gather();
    }

    void meterClosed(MachineMeter meter) {
        meters.remove(meter.entry().account().vm(), meter);
    }

    /** With the lock. */
    void add(Entry entry, String model, long fromMillis, long toMillis, Amounts amounts) {
        entry.add(model, fromMillis, toMillis, amounts);
        for (Standing standing : entry.standings()) {
            if (standing.add(amounts)) {
                usedUp.add(UsedUp.of(standing));
            }
        }
    }

    /** Takes out what is to be written; nothing when there is nothing. */
    Batch drain() {
        return locked(() -> {
            List<StoredAccount> changed = new ArrayList<>();
            List<UsageRow> rows = new ArrayList<>();
            accounts.drainTo(changed, rows);
            List<StoredCall> under = new ArrayList<>();
            List<Long> over = new ArrayList<>();
            calls.drainTo(under, over, time.wallMillis());
            List<Batch.Epoch> since = List.copyOf(epochs);
            epochs.clear();
            return new Batch(++lastBatch, changed, rows, since, under, over, meters.isEmpty() ? -1 : time.wallMillis());
        });
    }

    private void tell() {
        List<UsedUp> now;
        lock.lock();
        try {
            if (usedUp.isEmpty()) {
                return;
            }
            now = List.copyOf(usedUp);
            usedUp.clear();
        } finally {
            lock.unlock();
        }
        now.forEach(budget -> budgets.exceeded(budget.scope(), budget.spent(), budget.budget()));
    }
}
