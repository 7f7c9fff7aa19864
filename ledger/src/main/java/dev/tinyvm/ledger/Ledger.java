package dev.tinyvm.ledger;

import dev.tinyvm.spec.LedgerPrices;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

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
    private final Map<String, Entry> byVm = new HashMap<>();
    private final Map<String, Entry> byKey = new HashMap<>();
    private final Map<String, Standing> standings = new HashMap<>();
    private final Map<String, MachineMeter> meters = new HashMap<>();
    private final List<Exceeded> exceeded = new ArrayList<>();
    private final List<LedgerDatabase.Epoch> epochs = new ArrayList<>();
    private final long lastHeartbeatMillis;
    private volatile BudgetListener budgets = (scope, spent, budget) -> {};
    private volatile Consumer<String> forgotten = scope -> {};
    private long nextId;
    private long lastBatch;

    private Ledger(LedgerDatabase database, LedgerPrices prices, LedgerTime time, Duration linesKept) {
        this.database = database;
        this.prices = new PriceBook(prices);
        this.time = time;
        LedgerDatabase.Loaded loaded = database.load();
        this.nextId = loaded.lastId() + 1;
        this.lastBatch = loaded.lastBatch();
        this.lastHeartbeatMillis = loaded.heartbeatMillis();
        loaded.spent().forEach((scope, spent) -> standing(scope).load(spent));
        for (LedgerDatabase.StoredAccount account : loaded.live()) {
            adopt(account);
        }
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
            Entry entry = entry(account);
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
            for (Entry entry : byVm.values()) {
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
            add(entry(who), model.isEmpty() ? "-" : model, now, now + 1, use.amounts());
            return true;
        });
        writer.gather();
    }

    /** Adds bytes that a Tiny VM sent out of the host; unknown ones are ignored. */
    public void egress(String vm, long bytes) {
        locked(() -> {
            Entry entry = known(vm);
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
            Standing standing = standing(scope);
            if (standing.budget(nanoUsd.orElse(Standing.NO_BUDGET))) {
                exceeded.add(new Exceeded(scope, standing.spent().nanoUsd(), standing.budgetNanoUsd()));
            }
            return true;
        });
    }

    /** By scope of this Tiny VM with a budget: how much LLM calls may have used in all, in billionths of a dollar. What else was used is taken off. */
    public Map<String, Long> leftForLlm(String vm) {
        return locked(() -> {
            Entry entry = byVm.get(vm);
            if (entry == null) {
                return Map.of();
            }
            Map<String, Long> left = new HashMap<>();
            for (Standing standing : entry.standings()) {
                if (standing.budgetNanoUsd() != Standing.NO_BUDGET) {
                    Spent spent = standing.spent();
                    left.put(
                            standing.scope(),
                            Math.max(0, standing.budgetNanoUsd() - (spent.nanoUsd() - spent.llmNanoUsd())));
                }
            }
            return left;
        });
    }

    /** Whether the budget of this scope is used up. */
    public boolean isUsedUp(String scope) {
        return locked(() -> {
            Standing standing = standings.get(scope);
            return standing != null && standing.usedUp();
        });
    }

    /** What a scope has used in its life, as far as it is known here: an agent since it was made, a key since the ledger was, a Tiny VM while it is in the manager's list. */
    public Spent spent(String scope) {
        return locked(() -> {
            Standing standing = standings.get(scope);
            return standing == null ? Spent.NOTHING : standing.spent();
        });
    }

    /** What all agents, keys and live Tiny VMs have used: for who must go on from there. */
    public Map<String, Spent> spent() {
        return locked(() -> {
            Map<String, Spent> all = new HashMap<>();
            standings.forEach((scope, standing) -> all.put(scope, standing.spent()));
            return all;
        });
    }

    /** A Tiny VM was removed: its lines stay, its meter and budget go. */
    public void forgetVm(String vm) {
        locked(() -> {
            Entry entry = byVm.get(vm);
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
            standing(scope).reset();
            epochs.add(new LedgerDatabase.Epoch(scope, time.wallMillis(), nextId));
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

    void meterClosed(MachineMeter meter) {
        meters.remove(meter.entry().account().vm(), meter);
    }

    /** With the lock. */
    void add(Entry entry, String model, long fromMillis, long toMillis, Amounts amounts) {
        entry.add(model, fromMillis, toMillis, amounts);
        for (Standing standing : entry.standings()) {
            if (standing.add(amounts)) {
                exceeded.add(new Exceeded(standing.scope(), standing.spent().nanoUsd(), standing.budgetNanoUsd()));
            }
        }
    }

    /** Takes out what is to be written; nothing when there is nothing. */
    LedgerDatabase.Batch drain() {
        return locked(() -> {
            // What was drained before is on disk by now: who is asked for again is found there.
            byVm.values().removeIf(entry -> {
                boolean over = entry.forgotten() && entry.position() == null && !entry.dirty();
                if (over) {
                    standings.remove(entry.own().scope());
                }
                return over;
            });
            List<LedgerDatabase.StoredAccount> accounts = new ArrayList<>();
            List<UsageRow> rows = new ArrayList<>();
            for (Map<String, Entry> entries : List.of(byVm, byKey)) {
                for (Entry entry : entries.values()) {
                    if (entry.dirty()) {
                        accounts.add(new LedgerDatabase.StoredAccount(
                                entry.id(),
                                entry.account(),
                                entry.createdMillis(),
                                Optional.ofNullable(entry.position()),
                                entry.own().spent(),
                                !entry.stored()));
                        entry.drainTo(rows);
                        entry.written();
                    }
                }
            }
            List<LedgerDatabase.Epoch> since = List.copyOf(epochs);
            epochs.clear();
            return new LedgerDatabase.Batch(
                    ++lastBatch, accounts, rows, since, meters.isEmpty() ? -1 : time.wallMillis());
        });
    }

    private void tell() {
        List<Exceeded> now;
        lock.lock();
        try {
            if (exceeded.isEmpty()) {
                return;
            }
            now = List.copyOf(exceeded);
            exceeded.clear();
        } finally {
            lock.unlock();
        }
        now.forEach(e -> budgets.exceeded(e.scope(), e.spent(), e.budget()));
    }

    private Entry entry(Account account) {
        Entry found = account.vm().isEmpty() ? byKey.get(account.key()) : known(account.vm());
        if (found != null) {
            return found;
        }
        Entry made = new Entry(nextId++, account, time.wallMillis(), standingsOf(account), false);
        (account.vm().isEmpty() ? byKey : byVm).put(account.vm().isEmpty() ? account.key() : account.vm(), made);
        return made;
    }

    /** In memory, or on disk: a call may end after its Tiny VM was forgotten. */
    private @Nullable Entry known(String vm) {
        Entry entry = byVm.get(vm);
        return entry != null ? entry : database.find(vm).map(this::adopt).orElse(null);
    }

    private Entry adopt(LedgerDatabase.StoredAccount stored) {
        Entry entry =
                new Entry(stored.id(), stored.account(), stored.createdMillis(), standingsOf(stored.account()), true);
        stored.position().ifPresent(entry::loadPosition);
        entry.own().load(stored.spent());
        if (!stored.account().vm().isEmpty()) {
            byVm.put(stored.account().vm(), entry);
        } else {
            byKey.put(stored.account().key(), entry);
        }
        return entry;
    }

    private List<Standing> standingsOf(Account account) {
        List<Standing> all = new ArrayList<>(3);
        // Its own sum first. That of a client outside is not a scope: its key's has the Tiny VMs of that key, too.
        all.add(account.vm().isEmpty() ? new Standing("") : standing(vmScope(account.vm())));
        if (!account.agent().isEmpty()) {
            all.add(standing(agentScope(account.agent())));
        }
        if (!account.key().isEmpty()) {
            all.add(standing(keyScope(account.key())));
        }
        return all;
    }

    private Standing standing(String scope) {
        return standings.computeIfAbsent(scope, Standing::new);
    }

    private record Exceeded(String scope, long spent, long budget) {}
}
