package dev.tinyvm.ledger;

import dev.tinyvm.ledger.Bill.Line;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Adds up a bill. Lines that lie within the time asked for are added by the database; the few that cross its start or end are shared out here by time, so that the bills of
 * adjacent times add up to the bill of both.
 */
final class BillReader {
    private static final long DAY_MILLIS = 24 * UsageRow.HOUR_MILLIS;

    private final LedgerDatabase database;

    BillReader(LedgerDatabase database) {
        this.database = database;
    }

    Bill read(BillQuery query) {
        return database.read(connection -> {
            Map<String, Line> lines = new TreeMap<>();
            long since = query.since().map(Instant::toEpochMilli).orElse(Long.MIN_VALUE);
            long until = query.until().map(Instant::toEpochMilli).orElse(Long.MAX_VALUE);
            whole(connection, query, since, until, lines);
            cut(connection, query, since, until, lines);
            Amounts total = Amounts.NONE;
            List<Line> used = new ArrayList<>();
            for (Line line : lines.values()) {
                if (!line.amounts().isNone()) {
                    used.add(line);
                    total = total.plus(line.amounts());
                }
            }
            return new Bill(query, used, total);
        });
    }

    private static void whole(Connection connection, BillQuery query, long since, long until, Map<String, Line> lines)
            throws SQLException {
        List<Object> parameters = new ArrayList<>();
        StringBuilder sql = new StringBuilder("SELECT " + group(query, parameters) + " AS g, "
                + (query.by() == BillQuery.By.VM ? "MAX(a.vm_name)" : "''") + ", " + LedgerDatabase.sums("u.")
                + " FROM usage u JOIN account a ON a.id = u.account WHERE u.from_ms >= ? AND u.to_ms <= ?");
        parameters.add(since);
        parameters.add(until);
        filter(sql, parameters, Optional.empty(), Optional.empty(), query.agent(), query.vm());
        sql.append(" GROUP BY g");
        try (PreparedStatement statement = connection.prepareStatement(sql.toString())) {
            LedgerDatabase.bind(statement, parameters);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    add(lines, query, rows.getString(1), rows.getString(2), LedgerDatabase.amounts(rows, 3));
                }
            }
        }
    }

    private static void cut(Connection connection, BillQuery query, long since, long until, Map<String, Line> lines)
            throws SQLException {
        if (query.since().isEmpty() && query.until().isEmpty()) {
            return;
        }
        List<Object> parameters = new ArrayList<>();
        // No line is longer than an hour, so the index finds those that cross a moment.
        StringBuilder sql = new StringBuilder("SELECT " + group(query, parameters)
                + ", a.vm_name, u.from_ms, u.to_ms, " + LedgerDatabase.measures("u.")
                + " FROM usage u JOIN account a ON a.id = u.account WHERE ((u.from_ms > ? AND u.from_ms < ? AND u.to_ms > ?) OR (u.from_ms > ? AND u.from_ms < ? AND u.to_ms > ?))"
                + " AND u.from_ms < ? AND u.to_ms > ?");
        for (long moment : new long[] {since, until}) {
            parameters.add(Math.max(Long.MIN_VALUE + UsageRow.HOUR_MILLIS, moment) - UsageRow.HOUR_MILLIS);
            parameters.add(moment);
            parameters.add(moment);
        }
        parameters.add(until);
        parameters.add(since);
        filter(sql, parameters, Optional.empty(), Optional.empty(), query.agent(), query.vm());
        try (PreparedStatement statement = connection.prepareStatement(sql.toString())) {
            LedgerDatabase.bind(statement, parameters);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    long from = rows.getLong(3);
                    long to = rows.getLong(4);
                    Amounts part = LedgerDatabase.amounts(rows, 5)
                            .part(Math.max(from, since) - from, Math.min(to, until) - from, to - from);
                    add(lines, query, rows.getString(1), query.by() == BillQuery.By.VM ? rows.getString(2) : "", part);
                }
            }
        }
    }

    private static void add(Map<String, Line> lines, BillQuery query, String group, String detail, Amounts amounts) {
        String name = query.by() == BillQuery.By.DAY
                ? LocalDate.ofEpochDay(Long.parseLong(group)).toString()
                : group;
        lines.merge(
                name,
                new Line(name, detail, amounts),
                (a, b) -> new Line(name, b.detail(), a.amounts().plus(b.amounts())));
    }

    /** Never null: what has none is empty. */
    private static String group(BillQuery query, List<Object> parameters) {
        return switch (query.by()) {
            case AGENT -> "a.agent";
            case VM -> "a.vm";
            case KEY -> "a.key";
            case MODEL -> "u.model";
            case DAY -> "u.from_ms / " + DAY_MILLIS;
            case LABEL -> {
                parameters.add(query.label());
                yield "COALESCE((SELECT value FROM json_each(a.labels) WHERE key = ?), '')";
            }
        };
    }

    /** Adds conditions. */
    static void filter(
            StringBuilder sql,
            List<Object> parameters,
            Optional<Instant> since,
            Optional<Instant> until,
            Optional<String> agent,
            Optional<String> vm) {
        since.ifPresent(at -> {
            sql.append(" AND u.to_ms > ?");
            parameters.add(at.toEpochMilli());
        });
        until.ifPresent(at -> {
            sql.append(" AND u.from_ms < ?");
            parameters.add(at.toEpochMilli());
        });
        agent.ifPresent(name -> {
            sql.append(" AND a.agent = ?");
            parameters.add(name);
        });
        vm.ifPresent(name -> {
            sql.append(" AND (a.vm = ? OR a.vm_name = ?)");
            parameters.add(name);
            parameters.add(name);
        });
    }
}
