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
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The ledger on disk. Two connections: one for the writer's thread alone, and one for readers, which {@link #reading} guards. Readers see what is committed and hold nobody up.
 */
final class LedgerDatabase implements AutoCloseable {
    private static final MachineMeter.Mode[] MODES = MachineMeter.Mode.values();
    /** The columns of an account. */
    static final String ACCOUNT =
            "id, vm, vm_name, agent, labels, key, created_ms, generation, mode, at_ms, cpu_micros, memory_bytes, requests, tokens, llm_nano, total_nano, routed_bytes";

    private final Connection writing;
    private final Connection reading;
    private final ReentrantLock readLock = new ReentrantLock();
    private final BatchWriter batches;
    private final HourMerger hours;

    private LedgerDatabase(Connection writing, Connection reading) throws SQLException {
        this.writing = writing;
        this.reading = reading;
        writing.setAutoCommit(false);
        batches = new BatchWriter(writing);
        hours = new HourMerger(writing);
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

    /** @param spent of agents and keys, by scope @param live accounts whose machine is metered, and clients outside @param calls that were under way */
    record Loaded(
            long lastId,
            long lastBatch,
            long heartbeatMillis,
            Map<String, Spent> spent,
            List<StoredAccount> live,
            List<StoredCall> calls) {}

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
                            rows.getLong(1),
                            rows.getLong(2),
                            rows.getLong(3),
                            Map.copyOf(spent),
                            List.copyOf(live),
                            calls(connection));
                }
            }
        });
    }

    private static List<StoredCall> calls(Connection connection) throws SQLException {
        List<StoredCall> calls = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(
                        "SELECT number, account, model, at_ms, input_tokens, cached_tokens, output_tokens, llm_nano FROM call ORDER BY number")) {
            while (rows.next()) {
                calls.add(new StoredCall(
                        rows.getLong(1),
                        rows.getLong(2),
                        rows.getString(3),
                        rows.getLong(4),
                        new LlmUse(rows.getLong(5), rows.getLong(6), rows.getLong(7), rows.getLong(8))));
            }
        }
        return List.copyOf(calls);
    }

    /** The account of a Tiny VM. */
    Optional<StoredAccount> find(String vm) {
        return find("vm <> '' AND vm = ?", vm);
    }

    /** By its number. */
    Optional<StoredAccount> find(long id) {
        return find("id = ?", id);
    }

    private Optional<StoredAccount> find(String where, Object value) {
        return read(connection -> {
            try (PreparedStatement statement =
                    connection.prepareStatement("SELECT " + ACCOUNT + " FROM account WHERE " + where)) {
                statement.setObject(1, value);
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
        batches.write(batch);
    }

    /** See {@link HourMerger}. Only the writer's thread. */
    boolean mergeOldest(long hour) throws SQLException {
        return hours.mergeOldest(hour);
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
