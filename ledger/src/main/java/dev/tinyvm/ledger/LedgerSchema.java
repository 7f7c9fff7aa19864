package dev.tinyvm.ledger;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/** The tables. {@code user_version} counts the steps that were taken; a step that was released is never changed. Times are milliseconds since 1970. */
final class LedgerSchema {
    private static final List<List<String>> STEPS = List.of(
            List.of(
                    // vm is empty for clients outside. The position is null when no machine is metered.
                    """
            CREATE TABLE account(id INTEGER PRIMARY KEY, vm TEXT NOT NULL, vm_name TEXT NOT NULL, agent TEXT NOT NULL, labels TEXT NOT NULL, key TEXT NOT NULL,
              created_ms INTEGER NOT NULL, generation INTEGER, mode INTEGER, at_ms INTEGER, cpu_micros INTEGER, memory_bytes INTEGER,
              requests INTEGER NOT NULL, tokens INTEGER NOT NULL, llm_nano INTEGER NOT NULL, total_nano INTEGER NOT NULL)""",
                    "CREATE UNIQUE INDEX account_vm ON account(vm) WHERE vm <> ''",
                    """
            CREATE TABLE usage(number INTEGER PRIMARY KEY, account INTEGER NOT NULL, model TEXT NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
              cpu_micros INTEGER NOT NULL DEFAULT 0, active_ms INTEGER NOT NULL DEFAULT 0, waiting_ms INTEGER NOT NULL DEFAULT 0, paused_ms INTEGER NOT NULL DEFAULT 0,
              active_kib_s INTEGER NOT NULL DEFAULT 0, waiting_kib_s INTEGER NOT NULL DEFAULT 0, paused_kib_s INTEGER NOT NULL DEFAULT 0, egress_bytes INTEGER NOT NULL DEFAULT 0,
              requests INTEGER NOT NULL DEFAULT 0, input_tokens INTEGER NOT NULL DEFAULT 0, cached_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0,
              compute_nano INTEGER NOT NULL DEFAULT 0, egress_nano INTEGER NOT NULL DEFAULT 0, llm_nano INTEGER NOT NULL DEFAULT 0)""",
                    "CREATE INDEX usage_from ON usage(from_ms)",
                    "CREATE TABLE epoch(scope TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, first_account INTEGER NOT NULL)",
                    "CREATE TABLE progress(one INTEGER PRIMARY KEY CHECK (one = 1), heartbeat_ms INTEGER NOT NULL, merged_hour INTEGER NOT NULL, batch INTEGER NOT NULL)",
                    "INSERT INTO progress VALUES (1, 0, 0, 0)"),
            // How far the counter of a routed interface has been billed.
            List.of("ALTER TABLE account ADD COLUMN routed_bytes INTEGER NOT NULL DEFAULT 0"),
            // LLM calls that are under way: with what is known of them, so that the next ledger can bill them.
            List.of("""
            CREATE TABLE call(number INTEGER PRIMARY KEY, account INTEGER NOT NULL, model TEXT NOT NULL, at_ms INTEGER NOT NULL,
              input_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, llm_nano INTEGER NOT NULL)"""));

    static final int VERSION = STEPS.size();

    private LedgerSchema() {}

    static void migrate(Connection connection) throws SQLException {
        int found = version(connection);
        if (found > VERSION) {
            throw new LedgerException("it was written by a newer TinyVM (ledger version " + found
                    + "; this one knows up to " + VERSION + "); use the newer TinyVM, or another data directory");
        }
        for (int step = found; step < VERSION; step++) {
            connection.setAutoCommit(false);
            try (Statement statement = connection.createStatement()) {
                for (String sql : STEPS.get(step)) {
                    statement.execute(sql);
                }
                statement.execute("PRAGMA user_version = " + (step + 1));
            }
            connection.commit();
            connection.setAutoCommit(true);
        }
    }

    private static int version(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("PRAGMA user_version")) {
            return rows.next() ? rows.getInt(1) : 0;
        }
    }
}
