package dev.tinyvm.manager;

import java.sql.SQLException;

/** One change of the stored state. All methods are called by the store's writer thread. */
interface Change {
    void apply(Statements statements) throws SQLException;

    /** It is on disk. */
    default void committed() {}

    /** It is not, and will not be. */
    default void rolledBack() {}
}
