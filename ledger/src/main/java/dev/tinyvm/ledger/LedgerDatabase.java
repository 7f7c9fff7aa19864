package dev.tinyvm.ledger;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;

/**
 * The ledger on disk. Two connections: one for the writer's thread alone, and one for readers, which {@link #reading} guards. Readers see what is committed and hold nobody up.
 */
final class LedgerDatabase implements AutoCloseable {
    private static final int MINUTES = 60;
    private static final long MINUTE_MILLIS = UsageRow.HOUR_MILLIS / MINUTES;
    private static final MachineMeter.Mode[] MODES = MachineMeter.Mode.values();
    private static final String ACCOUNT =
            "id, vm, vm_name, agent, labels, key, created_ms, generation, mode, at_ms, cpu_micros, memory_bytes, requests, tokens, llm_nano, total_nano, routed_bytes";

    /** What a line of a model has; a line of a machine has the others. */
    private static final List<Measure> LLM = List.of(
            Measure.REQUESTS,
            Measure.INPUT_TOKENS,
            Measure.CACHED_INPUT_TOKENS,
            Measure.OUTPUT_TOKENS,
            Measure.LLM_NANO_USD);

    private static final List<Measure> MACHINE = Arrays.stream(Measure.values())
            .filter(measure -> !LLM.contains(measure))
            .toList();

    private final Connection writing;
    private final Connection reading;
    private final ReentrantLock readLock = new ReentrantLock();
    private final PreparedStatement insertMachineUse;
    private final PreparedStatement insertLlmUse;
    private final PreparedStatement insertAccount;
    private final PreparedStatement updateAccount;
    private final PreparedStatement progress;
    private final PreparedStatement putEpoch;
    /** The hour that is being merged, and its minute; a restart begins that hour anew, which changes nothing. */
    private long mergingHour;

    private int mergingMinute;

    private LedgerDatabase(Connection writing, Connection reading) throws SQLException {
        this.writing = writing;
        this.reading = reading;
        writing.setAutoCommit(false);
        insertMachineUse = writing.prepareStatement(insert(MACHINE));
        insertLlmUse = writing.prepareStatement(insert(LLM));
        insertAccount =
                writing.prepareStatement("INSERT INTO account(" + ACCOUNT + ") VALUES (?" + ",?".repeat(16) + ")");
        updateAccount = writing.prepareStatement(
                "UPDATE account SET generation = ?, mode = ?, at_ms = ?, cpu_micros = ?, memory_bytes = ?,"
                        + " requests = ?, tokens = ?, llm_nano = ?, total_nano = ?, routed_bytes = ? WHERE id = ?");
        progress = writing.prepareStatement(
                "UPDATE progress SET batch = ?, heartbeat_ms = MAX(heartbeat_ms, ?) WHERE batch < ?");
        putEpoch = writing.prepareStatement("INSERT OR REPLACE INTO epoch(scope, at_ms, first_account) VALUES (?,?,?)");
    }

    static LedgerDatabase open(Path file) {
        String url = "jdbc:sqlite:" + file.toAbsolutePath();
        Connection writing = null;
        Connection reading = null;
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            writing = DriverManager.getConnection(url);
            prepare(writing, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL");
            LedgerSchema.migrate(writing);
            reading = DriverManager.getConnection(url);
            prepare(reading, "PRAGMA query_only = true");
            return new LedgerDatabase(writing, reading);
        } catch (SQLException | IOException | LedgerException e) {
            quietly(writing);
            quietly(reading);
            throw new LedgerException(
                    "could not open the ledger " + file + ": " + e.getMessage()
                            + "; restore a copy, or move the file away to begin a new ledger",
                    e);
        }
    }

    /** @param spent of agents and keys, by scope @param live accounts whose machine is metered, and clients outside */
    record Loaded(
            long lastId, long lastBatch, long heartbeatMillis, Map<String, Spent> spent, List<StoredAccount> live) {}

    /** An account with its position and sum. @param fresh whether it is not on disk yet */
    record StoredAccount(
            long id, Account account, long createdMillis, Optional<Position> position, Spent spent, boolean fresh) {}

    /** From here on a scope counts anew. @param firstAccount accounts from this number on count */
    record Epoch(String scope, long atMillis, long firstAccount) {}

    /** What one transaction writes, once. @param number rises from batch to batch @param heartbeatMillis −1: nobody is metered */
    record Batch(
            long number, List<StoredAccount> accounts, List<UsageRow> rows, List<Epoch> epochs, long heartbeatMillis) {
        boolean isEmpty() {
            return accounts.isEmpty() && rows.isEmpty() && epochs.isEmpty() && heartbeatMillis < 0;
        }
    }

    Loaded load() {
        return read(connection -> {
            Map<String, Spent> spent = new HashMap<>();
            String sums = ", SUM(a.requests), SUM(a.tokens), SUM(a.llm_nano), SUM(a.total_nano) FROM account a ";
            try (Statement statement = connection.createStatement()) {
                try (ResultSet rows = statement.executeQuery(
                        "SELECT a.agent" + sums
                                + "LEFT JOIN epoch e ON e.scope = 'agent:' || a.agent WHERE a.agent <> '' AND a.id >= COALESCE(e.first_account, 0) GROUP BY a.agent")) {
                    while (rows.next()) {
                        spent.put(Ledger.agentScope(rows.getString(1)), spent(rows, 2));
                    }
                }
                try (ResultSet rows =
                        statement.executeQuery("SELECT a.key" + sums + "WHERE a.key <> '' GROUP BY a.key")) {
                    while (rows.next()) {
                        spent.put(Ledger.keyScope(rows.getString(1)), spent(rows, 2));
                    }
                }
                List<StoredAccount> live = new ArrayList<>();
                try (ResultSet rows = statement.executeQuery(
                        "SELECT " + ACCOUNT + " FROM account WHERE at_ms IS NOT NULL OR vm = ''")) {
                    while (rows.next()) {
                        live.add(account(rows));
                    }
                }
                try (ResultSet rows = statement.executeQuery(
                        "SELECT (SELECT COALESCE(MAX(id), 0) FROM account), batch, heartbeat_ms FROM progress")) {
                    if (!rows.next()) {
                        throw new LedgerException("the ledger is damaged: its progress is missing; restore a copy");
                    }
                    return new Loaded(
                            rows.getLong(1), rows.getLong(2), rows.getLong(3), Map.copyOf(spent), List.copyOf(live));
                }
            }
        });
    }

    /** The account of a Tiny VM. */
    Optional<StoredAccount> find(String vm) {
        return read(connection -> {
            try (PreparedStatement statement =
                    connection.prepareStatement("SELECT " + ACCOUNT + " FROM account WHERE vm = ? AND vm <> ''")) {
                statement.setString(1, vm);
                try (ResultSet rows = statement.executeQuery()) {
                    return rows.next() ? Optional.of(account(rows)) : Optional.empty();
                }
            }
        });
    }

    List<UsageRecord> records(RecordQuery query) {
        return read(connection -> {
            StringBuilder sql = new StringBuilder(
                    "SELECT u.number, u.model, u.from_ms, u.to_ms, a.vm, a.vm_name, a.agent, a.labels, a.key, "
                            + measures("u.") + " FROM usage u JOIN account a ON a.id = u.account WHERE u.number > ?");
            List<Object> parameters = new ArrayList<>(List.of(query.after()));
            BillReader.filter(sql, parameters, query.since(), query.until(), query.agent(), query.vm());
            sql.append(" ORDER BY u.number LIMIT ").append(query.limit());
            try (PreparedStatement statement = connection.prepareStatement(sql.toString())) {
                bind(statement, parameters);
                List<UsageRecord> found = new ArrayList<>();
                try (ResultSet rows = statement.executeQuery()) {
                    while (rows.next()) {
                        found.add(new UsageRecord(
                                rows.getLong(1),
                                new Account(
                                        rows.getString(5),
                                        rows.getString(6),
                                        rows.getString(7),
                                        Labels.decode(rows.getString(8)),
                                        rows.getString(9)),
                                rows.getString(2),
                                Instant.ofEpochMilli(rows.getLong(3)),
                                Instant.ofEpochMilli(rows.getLong(4)),
                                amounts(rows, 10)));
                    }
                }
                return found;
            }
        });
    }

    /** One transaction. Only the writer's thread. */
    void write(Batch batch) throws SQLException {
        try {
            progress.setLong(1, batch.number());
            progress.setLong(2, batch.heartbeatMillis());
            progress.setLong(3, batch.number());
            if (progress.executeUpdate() == 0) {
                // A commit that failed had reached the disk after all.
                writing.rollback();
                return;
            }
            for (StoredAccount account : batch.accounts()) {
                add(account);
            }
            insertAccount.executeBatch();
            updateAccount.executeBatch();
            for (UsageRow row : batch.rows()) {
                if (row.model().isEmpty()) {
                    add(insertMachineUse, row, MACHINE);
                } else {
                    add(insertLlmUse, row, LLM);
                }
            }
            insertMachineUse.executeBatch();
            insertLlmUse.executeBatch();
            for (Epoch epoch : batch.epochs()) {
                putEpoch.setString(1, epoch.scope());
                putEpoch.setLong(2, epoch.atMillis());
                putEpoch.setLong(3, epoch.firstAccount());
                putEpoch.executeUpdate();
            }
            writing.commit();
        } catch (SQLException | RuntimeException e) {
            for (PreparedStatement statement : List.of(insertAccount, updateAccount, insertMachineUse, insertLlmUse)) {
                statement.clearBatch();
            }
            writing.rollback();
            throw e;
        }
    }

    private static String insert(List<Measure> measures) {
        return "INSERT INTO usage(account, model, from_ms, to_ms, "
                + measures.stream().map(Measure::column).collect(Collectors.joining(", ")) + ") VALUES (?,?,?,?"
                + ",?".repeat(measures.size()) + ")";
    }

    private static void add(PreparedStatement statement, UsageRow row, List<Measure> measures) throws SQLException {
        statement.setLong(1, row.account());
        statement.setString(2, row.model());
        statement.setLong(3, row.fromMillis());
        statement.setLong(4, row.toMillis());
        int at = 5;
        for (Measure measure : measures) {
            statement.setLong(at++, row.amounts().get(measure));
        }
        statement.addBatch();
    }

    private void add(StoredAccount stored) throws SQLException {
        PreparedStatement statement = stored.fresh() ? insertAccount : updateAccount;
        int at = 1;
        if (stored.fresh()) {
            statement.setLong(at++, stored.id());
            statement.setString(at++, stored.account().vm());
            statement.setString(at++, stored.account().vmName());
            statement.setString(at++, stored.account().agent());
            statement.setString(at++, Labels.encode(stored.account().labels()));
            statement.setString(at++, stored.account().key());
            statement.setLong(at++, stored.createdMillis());
        }
        Optional<Position> position = stored.position();
        if (position.isPresent()) {
            statement.setInt(at++, position.get().generation());
            statement.setInt(at++, position.get().mode().index());
            statement.setLong(at++, position.get().atMillis());
            statement.setLong(at++, position.get().cpuMicros());
            statement.setLong(at++, position.get().memoryBytes());
        } else {
            for (int i = 0; i < 5; i++) {
                statement.setNull(at++, Types.INTEGER);
            }
        }
        statement.setLong(at++, stored.spent().requests());
        statement.setLong(at++, stored.spent().tokens());
        statement.setLong(at++, stored.spent().llmNanoUsd());
        statement.setLong(at++, stored.spent().nanoUsd());
        statement.setLong(at++, position.map(Position::routedBytes).orElse(0L));
        if (!stored.fresh()) {
            statement.setLong(at, stored.id());
        }
        statement.addBatch();
    }

    /**
     * Merges a piece of the oldest hour before {@code hour} that has single lines: its minutes one after another, then the whole. So no transaction is long, however much a host
     * has used, and what is to be written meanwhile need not wait. Only the writer's thread.
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
                "INSERT INTO temp.merging SELECT MAX(number), account, model, MIN(from_ms), MAX(to_ms), " + sums("")
                        + within + " GROUP BY account, model");
        statement.executeUpdate("DELETE" + within);
        statement.executeUpdate("INSERT INTO usage SELECT * FROM temp.merging");
    }

    /** Reads in one transaction. */
    <T> T read(Reader<T> reader) {
        readLock.lock();
        try {
            return reader.read(reading);
        } catch (SQLException e) {
            throw new LedgerException("could not read the ledger: " + e.getMessage(), e);
        } finally {
            readLock.unlock();
        }
    }

    /** Reads with the connection. */
    @FunctionalInterface
    interface Reader<T> {
        T read(Connection connection) throws SQLException;
    }

    @Override
    public void close() {
        readLock.lock();
        try {
            quietly(reading);
        } finally {
            readLock.unlock();
        }
        quietly(writing);
    }

    static String measures(String table) {
        return columns(table, "", "");
    }

    static String sums(String table) {
        return columns(table, "SUM(", ")");
    }

    private static String columns(String table, String before, String behind) {
        StringBuilder sql = new StringBuilder();
        for (Measure measure : Measure.values()) {
            sql.append(sql.isEmpty() ? "" : ", ")
                    .append(before)
                    .append(table)
                    .append(measure.column())
                    .append(behind);
        }
        return sql.toString();
    }

    static Amounts amounts(ResultSet rows, int first) throws SQLException {
        long[] values = new long[Measure.COUNT];
        for (int i = 0; i < values.length; i++) {
            values[i] = rows.getLong(first + i);
        }
        return Amounts.ofOwned(values);
    }

    static void bind(PreparedStatement statement, List<Object> parameters) throws SQLException {
        for (int i = 0; i < parameters.size(); i++) {
            statement.setObject(i + 1, parameters.get(i));
        }
    }

    private static Spent spent(ResultSet rows, int first) throws SQLException {
        return new Spent(
                rows.getLong(first), rows.getLong(first + 1), rows.getLong(first + 2), rows.getLong(first + 3));
    }

    private static StoredAccount account(ResultSet rows) throws SQLException {
        Optional<Position> position = rows.getObject(10) == null
                ? Optional.empty()
                : Optional.of(new Position(
                        rows.getInt(8),
                        MODES[rows.getInt(9)],
                        rows.getLong(10),
                        rows.getLong(11),
                        rows.getLong(12),
                        rows.getLong(17)));
        return new StoredAccount(
                rows.getLong(1),
                new Account(
                        rows.getString(2),
                        rows.getString(3),
                        rows.getString(4),
                        Labels.decode(rows.getString(5)),
                        rows.getString(6)),
                rows.getLong(7),
                position,
                spent(rows, 13),
                false);
    }

    private static void prepare(Connection connection, String... pragmas) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("PRAGMA busy_timeout = 10000");
            for (String pragma : pragmas) {
                statement.execute(pragma);
            }
        }
    }

    private static void quietly(@org.jspecify.annotations.Nullable Connection connection) {
        if (connection != null) {
            try {
                connection.close();
            } catch (SQLException e) {
                org.slf4j.LoggerFactory.getLogger(LedgerDatabase.class)
                        .warn("could not close the ledger: {}", e.getMessage());
            }
        }
    }
}
