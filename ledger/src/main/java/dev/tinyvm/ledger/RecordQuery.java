package dev.tinyvm.ledger;

import java.time.Instant;
import java.util.Optional;

/**
 * Which lines of the record.
 *
 * @param after only those with a higher number: the way to the next page
 * @param limit at most so many
 * @param since that end after this moment
 * @param until that begin before this moment
 */
public record RecordQuery(
        long after,
        int limit,
        Optional<Instant> since,
        Optional<Instant> until,
        Optional<String> agent,
        Optional<String> vm) {
    /** Most lines in one answer. */
    public static final int MAX_LIMIT = 10_000;

    public RecordQuery {
        if (limit < 1 || limit > MAX_LIMIT) {
            throw new IllegalArgumentException("limit " + limit + " is not between 1 and " + MAX_LIMIT);
        }
    }
}
