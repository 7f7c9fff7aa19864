package dev.tinyvm.manager;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/** The tables, and how older databases get them. {@code user_version} counts the steps that were taken; each runs in its own transaction. */
final class Schema {
    /** Step n brings version n − 1 to n. A step that was released is never changed. Times are microseconds since 1970. */
    private static final List<List<String>> STEPS = List.of(
            List.of(
                    "CREATE TABLE agents(name TEXT PRIMARY KEY, descriptor BLOB NOT NULL, stopped INTEGER NOT NULL, created_at INTEGER NOT NULL)",
                    """
            CREATE TABLE vms(id TEXT PRIMARY KEY, creation_order INTEGER NOT NULL, name TEXT NOT NULL, agent TEXT NOT NULL, ordinal INTEGER NOT NULL,
              attached INTEGER NOT NULL, created_at INTEGER NOT NULL, descriptor BLOB NOT NULL, tags BLOB NOT NULL, deadline_at INTEGER, deadline_action TEXT,
              engine TEXT NOT NULL, engine_reason TEXT NOT NULL, generation INTEGER NOT NULL,
              state TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, started_at INTEGER, ended_at INTEGER, exit_code INTEGER, signal INTEGER,
              restarts INTEGER NOT NULL, ended_run TEXT NOT NULL, recent_restarts TEXT NOT NULL, made_from TEXT NOT NULL)""",
                    """
            CREATE TABLE events(sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, type TEXT NOT NULL, vm_id TEXT NOT NULL, vm_name TEXT NOT NULL,
              agent TEXT NOT NULL, message TEXT NOT NULL, attributes BLOB NOT NULL)""",
                    "CREATE TABLE keys(id TEXT PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL, created_at INTEGER NOT NULL, last_used_at INTEGER)",
                    "CREATE TABLE saved(position INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, descriptor BLOB NOT NULL)",
                    "CREATE TABLE idempotency(key TEXT PRIMARY KEY, content BLOB NOT NULL, vm TEXT NOT NULL, at INTEGER NOT NULL)"),
            // What a Tiny VM is made from, also when its tag has moved.
            List.of("ALTER TABLE vms ADD COLUMN image TEXT NOT NULL DEFAULT ''"),
            // Who is billed.
            List.of(
                    "ALTER TABLE vms ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
                    "ALTER TABLE agents ADD COLUMN owner TEXT NOT NULL DEFAULT ''"),
            List.of(
                    "CREATE TABLE volumes(name TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, exclusive INTEGER NOT NULL, created_at INTEGER NOT NULL)"),
            List.of(
                    "CREATE TABLE interfaces(vm TEXT PRIMARY KEY, name TEXT NOT NULL, address TEXT NOT NULL, gateway TEXT NOT NULL, connect_filter INTEGER NOT NULL)"),
            List.of("""
            CREATE TABLE checkpoints(name TEXT PRIMARY KEY, vm TEXT NOT NULL, vm_name TEXT NOT NULL, descriptor BLOB NOT NULL, engine TEXT NOT NULL,
              image TEXT NOT NULL, bytes INTEGER NOT NULL, created_at INTEGER NOT NULL, owner TEXT NOT NULL)"""));

    static final int VERSION = STEPS.size();

    private Schema() {}

    /** Leaves the connection in auto-commit mode. */
    static void migrate(Connection connection) throws SQLException {
        int found = version(connection);
        if (found > VERSION) {
            throw new ManagerException(
                    ManagerException.Code.FAILED,
                    "it was written by a newer TinyVM (state version " + found + "; this one knows up to " + VERSION
                            + "); use the newer TinyVM, or another data directory");
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
