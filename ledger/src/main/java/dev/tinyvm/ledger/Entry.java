package dev.tinyvm.ledger;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One account in memory: what is still to be written of it, its position, whom its use counts for. Guarded by the ledger's lock. */
final class Entry {
    private static final int CARRY_DIGITS = 9;
    private static final int MILLIS_PER_SECOND = 1_000;

    private final long id;
    private final Account account;
    private final long createdMillis;
    private final List<Standing> standings;
    private final List<UsageRow> closed = new ArrayList<>();
    private final Map<String, Open> open = new HashMap<>(2);
    private final long[] kibMillisLeft = new long[MachineMeter.Mode.values().length];
    private @Nullable Position position;
    private BigDecimal computeLeft = BigDecimal.ZERO;
    private BigDecimal egressLeft = BigDecimal.ZERO;
    private boolean stored;
    private boolean dirty;
    private boolean forgotten;

    /** @param standings its own first */
    Entry(long id, Account account, long createdMillis, List<Standing> standings, boolean stored) {
        this.id = id;
        this.account = account;
        this.createdMillis = createdMillis;
        this.standings = List.copyOf(standings);
        this.stored = stored;
        this.dirty = !stored;
    }

    long id() {
        return id;
    }

    Account account() {
        return account;
    }

    long createdMillis() {
        return createdMillis;
    }

    List<Standing> standings() {
        return standings;
    }

    Standing own() {
        return standings.getFirst();
    }

    /** By scope with a budget: how much LLM calls may have used in all. What else was used is taken off. */
    Map<String, Long> leftForLlm() {
        Map<String, Long> left = new HashMap<>();
        for (Standing standing : standings) {
            if (standing.budgetNanoUsd() != Standing.NO_BUDGET) {
                Spent spent = standing.spent();
                left.put(
                        standing.scope(),
                        Math.max(0, standing.budgetNanoUsd() - (spent.nanoUsd() - spent.llmNanoUsd())));
            }
        }
        return left;
    }

    @Nullable
    Position position() {
        return position;
    }

    void position(@Nullable Position next) {
        position = next;
        dirty = true;
    }

    /** As read from disk. */
    void loadPosition(Position read) {
        position = read;
    }

    boolean stored() {
        return stored;
    }

    boolean dirty() {
        return dirty;
    }

    void written() {
        stored = true;
        dirty = false;
    }

    boolean forgotten() {
        return forgotten;
    }

    void forget() {
        forgotten = true;
    }

    /** Adds a use, spread evenly over a span. */
    void add(String model, long fromMillis, long toMillis, Amounts amounts) {
        dirty = true;
        long length = toMillis - fromMillis;
        for (long from = fromMillis; from < toMillis; ) {
            long to = Math.min(toMillis, (UsageRow.hour(from) + 1) * UsageRow.HOUR_MILLIS);
            addWithinHour(model, from, to, amounts.part(from - fromMillis, to - fromMillis, length));
            from = to;
        }
    }

    private void addWithinHour(String model, long from, long to, Amounts amounts) {
        Open row = open.get(model);
        if (row != null && UsageRow.hour(row.from) == UsageRow.hour(from)) {
            row.from = Math.min(row.from, from);
            row.to = Math.max(row.to, to);
            row.amounts = row.amounts.plus(amounts);
            return;
        }
        if (row != null) {
            closed.add(row.closed(id, model));
        }
        open.put(model, new Open(from, to, amounts));
    }

    /** Takes out what is to be written, at most one line for each model and hour. */
    void drainTo(List<UsageRow> rows) {
        rows.addAll(closed);
        closed.clear();
        open.forEach((model, row) -> rows.add(row.closed(id, model)));
        open.clear();
    }

    /** Whole KiB-seconds of so many KiB-milliseconds; the rest is kept for the next time. */
    long kibSeconds(MachineMeter.Mode mode, long kibMillis) {
        long all = kibMillisLeft[mode.index()] + kibMillis;
        kibMillisLeft[mode.index()] = all % MILLIS_PER_SECOND;
        return all / MILLIS_PER_SECOND;
    }

    /** Whole billionths; the rest is kept for the next time. */
    long wholeCompute(BigDecimal nanoUsd) {
        if (nanoUsd.signum() == 0) {
            return 0;
        }
        BigDecimal all = computeLeft.add(nanoUsd);
        BigDecimal whole = all.setScale(0, RoundingMode.FLOOR);
        computeLeft = all.subtract(whole).setScale(CARRY_DIGITS, RoundingMode.HALF_UP);
        return whole.longValueExact();
    }

    /** Whole billionths; the rest is kept for the next time. */
    long wholeEgress(BigDecimal nanoUsd) {
        BigDecimal all = egressLeft.add(nanoUsd);
        BigDecimal whole = all.setScale(0, RoundingMode.FLOOR);
        egressLeft = all.subtract(whole).setScale(CARRY_DIGITS, RoundingMode.HALF_UP);
        return whole.longValueExact();
    }

    private static final class Open {
        private long from;
        private long to;
        private Amounts amounts;

        Open(long from, long to, Amounts amounts) {
            this.from = from;
            this.to = to;
            this.amounts = amounts;
        }

        UsageRow closed(long account, String model) {
            return new UsageRow(account, model, from, to, amounts);
        }
    }
}
