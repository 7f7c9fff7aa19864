package dev.tinyvm.ledger;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** Merges single lines that are old. Only the writer's thread. */
final class HourMerger {
    private static final int MINUTES = 60;
    private static final long MINUTE_MILLIS = UsageRow.HOUR_MILLIS / MINUTES;

    private final Connection writing;
    /** The hour that is being merged, and its minute; a restart begins that hour anew, which changes nothing. */
    private long mergingHour;

    private int mergingMinute;

    HourMerger(Connection writing) {
        this.writing = writing;
    }

    /**
     * Merges a piece of the oldest hour before {@code hour} that has single lines: its minutes one after another, then the whole. So no transaction is long, however much a host
     * has used, and what is to be written meanwhile need not wait.
     *
     * @return whether there may be more to merge
     */
    boolean mergeOldest(long hour) throws SQLException {
        try (Statement statement = writing.createStatement()) {
            if (mergingMinute == 0) {
                try (ResultSet rows = statement.executeQuery(
                        "SELECT MIN(u.from_ms) FROM usage u, progress p WHERE u.from_ms >= p.merged_hour * "
                                + UsageRow.HOUR_MILLIS)) {
                    mergingHour =
                            rows.next() && rows.getObject(1) != null ? UsageRow.hour(rows.getLong(1)) : Long.MAX_VALUE;
                }
            }
            if (mergingHour >= hour) {
                writing.commit();
                return false;
            }
            long start = mergingHour * UsageRow.HOUR_MILLIS;
            if (mergingMinute < MINUTES) {
                merge(statement, start + mergingMinute * MINUTE_MILLIS, start + (mergingMinute + 1) * MINUTE_MILLIS);
                mergingMinute++;
            } else {
                merge(statement, start, start + UsageRow.HOUR_MILLIS);
                statement.executeUpdate("UPDATE progress SET merged_hour = " + (mergingHour + 1));
                mergingMinute = 0;
            }
            writing.commit();
            return true;
        } catch (SQLException | RuntimeException e) {
            writing.rollback();
            throw e;
        }
    }

    private static void merge(Statement statement, long fromMillis, long toMillis) throws SQLException {
        String within = " FROM usage WHERE from_ms >= " + fromMillis + " AND from_ms < " + toMillis;
        statement.executeUpdate("CREATE TEMP TABLE IF NOT EXISTS merging AS SELECT * FROM usage LIMIT 0");
        statement.executeUpdate("DELETE FROM temp.merging");
        statement.executeUpdate(
                "INSERT INTO temp.merging SELECT MAX(number), account, model, MIN(from_ms), MAX(to_ms), "
                        + LedgerDatabase.sums("") + within + " GROUP BY account, model");
        statement.executeUpdate("DELETE" + within);
        statement.executeUpdate("INSERT INTO usage SELECT * FROM temp.merging");
    }
}
