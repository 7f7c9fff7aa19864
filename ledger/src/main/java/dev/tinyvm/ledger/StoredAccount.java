package dev.tinyvm.ledger;

import java.util.Optional;

/**
 * An account as it is on disk, with its position and sum.
 *
 * @param fresh whether it is not on disk yet
 */
record StoredAccount(
        long id, Account account, long createdMillis, Optional<Position> position, Spent spent, boolean fresh) {}
