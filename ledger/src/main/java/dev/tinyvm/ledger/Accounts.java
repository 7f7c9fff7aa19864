package dev.tinyvm.ledger;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The accounts in memory, and the scopes that they count for. Guarded by the ledger's lock. */
final class Accounts {
    private final LedgerDatabase database;
    private final Map<String, Entry> byVm = new HashMap<>();
    private final Map<String, Entry> byKey = new HashMap<>();
    private final Map<String, Standing> standings = new HashMap<>();
    private long nextId;

    Accounts(LedgerDatabase database, LedgerDatabase.Loaded loaded) {
        this.database = database;
        nextId = loaded.lastId() + 1;
        loaded.spent().forEach((scope, spent) -> standing(scope).load(spent));
        loaded.live().forEach(this::adopt);
    }

    /** The number of the next account. */
    long nextId() {
        return nextId;
    }

    Collection<Entry> ofVms() {
        return byVm.values();
    }

    /** Without a look on disk. */
    @Nullable
    Entry inMemory(String vm) {
        return byVm.get(vm);
    }

    Map<String, Standing> standings() {
        return standings;
    }

    /** Whose call it was: in memory or on disk. */
    Optional<Entry> byId(long id) {
        for (Map<String, Entry> entries : List.of(byVm, byKey)) {
            for (Entry entry : entries.values()) {
                if (entry.id() == id) {
                    return Optional.of(entry);
                }
            }
        }
        return database.find(id).map(this::adopt);
    }

    /** Takes out what is to be written. */
    void drainTo(List<StoredAccount> accounts, List<UsageRow> rows) {
        // What was drained before is on disk by now: who is asked for again is found there.
        byVm.values().removeIf(entry -> {
            boolean over = entry.forgotten() && entry.position() == null && !entry.dirty();
            if (over) {
                standings.remove(entry.own().scope());
            }
            return over;
        });
        for (Map<String, Entry> entries : List.of(byVm, byKey)) {
            for (Entry entry : entries.values()) {
                if (entry.dirty()) {
                    accounts.add(new StoredAccount(
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
    }

    /** Of a Tiny VM or a client outside; made when it is the first that is heard of it. */
    Entry entry(Account account, long nowMillis) {
        Entry found = account.vm().isEmpty() ? byKey.get(account.key()) : known(account.vm());
        if (found != null) {
            return found;
        }
        Entry made = new Entry(nextId++, account, nowMillis, standingsOf(account), false);
        (account.vm().isEmpty() ? byKey : byVm).put(account.vm().isEmpty() ? account.key() : account.vm(), made);
        return made;
    }

    /** In memory, or on disk: a call may end after its Tiny VM was forgotten. */
    @Nullable
    Entry known(String vm) {
        Entry entry = byVm.get(vm);
        return entry != null ? entry : database.find(vm).map(this::adopt).orElse(null);
    }

    Entry adopt(StoredAccount stored) {
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
        all.add(account.vm().isEmpty() ? new Standing("") : standing(Ledger.vmScope(account.vm())));
        if (!account.agent().isEmpty()) {
            all.add(standing(Ledger.agentScope(account.agent())));
        }
        if (!account.key().isEmpty()) {
            all.add(standing(Ledger.keyScope(account.key())));
        }
        return all;
    }

    Standing standing(String scope) {
        return standings.computeIfAbsent(scope, Standing::new);
    }
}
