package dev.tinyvm.ledger;

import java.util.List;

/**
 * What one transaction writes, once.
 *
 * @param number rises from batch to batch
 * @param calls that are under way and have changed
 * @param callsOver numbers of those that were written before and are over: their use is among the rows
 * @param heartbeatMillis −1: nobody is metered
 */
record Batch(
        long number,
        List<StoredAccount> accounts,
        List<UsageRow> rows,
        List<Epoch> epochs,
        List<StoredCall> calls,
        List<Long> callsOver,
        long heartbeatMillis) {
    /** From here on a scope counts anew. @param firstAccount accounts from this number on count */
    record Epoch(String scope, long atMillis, long firstAccount) {}

    boolean isEmpty() {
        return accounts.isEmpty()
                && rows.isEmpty()
                && epochs.isEmpty()
                && calls.isEmpty()
                && callsOver.isEmpty()
                && heartbeatMillis < 0;
    }
}
