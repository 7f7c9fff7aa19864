package dev.tinyvm.manager;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The manager's state on disk: one SQLite database, write-ahead log, synchronous=FULL.
 *
 * <p>One thread writes. What came while it waited for the disk goes into its next transaction, so a hundred creates at once share one
 * fsync. What nobody waits for waits {@link #COMPANY_MILLIS} for company. A submission is one unit: all of its changes are stored, or none. Submissions are stored in the order in which they came.
 * Nothing is read after {@link #open}; the manager answers from memory.
 */
final class Store implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Store.class);
    private static final int MAX_BATCH = 1_000;
    /** How long what nobody waits for is kept back, so that it shares the next transaction instead of costing the disk one of its own. */
    static final int COMPANY_MILLIS = 10;

    private final Connection connection;
    private final Gate gate;
    private final BlockingQueue<Submission> queue = new LinkedBlockingQueue<>();
    private final Thread writer;
    private volatile boolean closed;

    private Store(Connection connection, Gate gate) {
        this.connection = connection;
        this.gate = gate;
        this.writer = Thread.ofPlatform().daemon().name("tinyvm-store").unstarted(this::write);
    }

    /**
     * Opens or makes the database.
     *
     * @throws ManagerException {@code FAILED} when it is damaged, of a newer version, or cannot be written
     */
    static Store open(Path file, Gate gate) {
        try {
            Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file.toAbsolutePath());
            try {
                prepare(connection);
                Schema.migrate(connection);
            } catch (SQLException | RuntimeException e) {
                connection.close();
                throw e;
            }
            return new Store(connection, gate);
        } catch (ManagerException e) {
            throw new ManagerException(e.code(), "could not open the state " + file + ": " + e.getMessage(), e);
        } catch (SQLException e) {
            throw new ManagerException(
                    ManagerException.Code.FAILED,
                    "could not open the state " + file + ": " + e.getMessage()
                            + "; restore a copy, or move the file away to start with an empty list (Tiny VMs that still run are removed then)",
                    e);
        }
    }

    /** Reads with the connection, before {@link #start}. */
    <T> List<T> read(String sql, RowReader<T> reader) {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            List<T> found = new ArrayList<>();
            while (rows.next()) {
                found.add(reader.read(rows));
            }
            return found;
        } catch (SQLException e) {
            throw new ManagerException(
                    ManagerException.Code.FAILED, "could not read the stored state: " + e.getMessage(), e);
        }
    }

    /** From here on changes are taken. */
    void start() {
        try {
            connection.setAutoCommit(false);
        } catch (SQLException e) {
            throw new ManagerException(
                    ManagerException.Code.FAILED, "could not begin to write the state: " + e.getMessage(), e);
        }
        writer.start();
    }

    /** Stores all of them or none, some time soon. The future completes when they are on disk, or with a {@link ManagerException}. */
    CompletableFuture<Void> submit(List<Change> changes) {
        return submit(new Submission(changes, Hurry.AT_ONCE));
    }

    private CompletableFuture<Void> submit(Submission submission) {
        CompletableFuture<Void> done = submission.done();
        if (closed) {
            done.completeExceptionally(closedFailure());
            return done;
        }
        queue.add(submission);
        // The writer may have gone between the two looks at the flag. Only its own one is taken back: the closing one
        // is the writer's.
        if (closed && queue.remove(submission)) {
            fail(submission);
        }
        return done;
    }

    /** As {@link #submit} for what nobody waits for; a failure is in the log. It is stored with what comes next, or by itself a little later. */
    void submitUnwatched(List<Change> changes) {
        CompletableFuture<Void> _ = submit(new Submission(changes, Hurry.NONE));
    }

    /** Returns when they are on disk. */
    void write(List<Change> changes) {
        await(submit(changes));
    }

    /** Waits for a submission; its failure comes as {@link ManagerException}. */
    static void await(CompletableFuture<Void> submission) {
        try {
            submission.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof ManagerException cause) {
                throw cause;
            }
            throw e;
        }
    }

    /** Stores what was submitted, then closes. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        queue.add(new Submission(List.of(), Hurry.LAST));
        closed = true;
        boolean interrupted = false;
        while (true) {
            try {
                writer.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        failWaiting();
    }

    private void write() {
        List<Submission> batch = new ArrayList<>();
        boolean last = false;
        try (Statements statements = new Statements(connection)) {
            while (!last) {
                batch.clear();
                batch.add(queue.take());
                queue.drainTo(batch, MAX_BATCH - 1);
                waitForCompany(batch);
                last = batch.stream().anyMatch(s -> s.hurry() == Hurry.LAST);
                gate.beforeCommit();
                store(statements, batch);
            }
        } catch (InterruptedException e) {
            LOG.error("the store's writer was interrupted");
        } catch (SQLException e) {
            LOG.warn("could not close the statements of the state: {}", e.getMessage());
        } finally {
            closed = true;
            failWaiting();
            try {
                connection.close();
            } catch (SQLException e) {
                LOG.warn("could not close the state: {}", e.getMessage());
            }
        }
    }

    private void waitForCompany(List<Submission> batch) throws InterruptedException {
        long until = System.nanoTime() + COMPANY_MILLIS * 1_000_000L;
        while (batch.size() < MAX_BATCH && batch.stream().allMatch(s -> s.hurry() == Hurry.NONE)) {
            Submission next = queue.poll(until - System.nanoTime(), TimeUnit.NANOSECONDS);
            if (next == null) {
                return;
            }
            batch.add(next);
            queue.drainTo(batch, MAX_BATCH - batch.size());
        }
    }

    private void store(Statements statements, List<Submission> batch) {
        try {
            for (Submission submission : batch) {
                for (Change change : submission.changes()) {
                    change.apply(statements);
                }
            }
            connection.commit();
        } catch (SQLException | RuntimeException e) {
            LOG.error("could not write the state", e);
            rollBack();
            batch.forEach(s -> s.changes().forEach(Change::rolledBack));
            ManagerException failure = new ManagerException(
                    ManagerException.Code.FAILED,
                    "could not write the manager's state: " + e.getMessage() + "; look whether its disk is full",
                    e);
            batch.forEach(s -> s.done().completeExceptionally(failure));
            return;
        }
        gate.afterCommit();
        for (Submission submission : batch) {
            submission.changes().forEach(Change::committed);
            submission.done().complete(null);
        }
    }

    private void rollBack() {
        try {
            connection.rollback();
        } catch (SQLException e) {
            LOG.error("could not roll the state back", e);
        }
    }

    private void failWaiting() {
        for (Submission s = queue.poll(); s != null; s = queue.poll()) {
            fail(s);
        }
    }

    private static void fail(Submission submission) {
        submission.changes().forEach(Change::rolledBack);
        submission.done().completeExceptionally(closedFailure());
    }

    private static ManagerException closedFailure() {
        return new ManagerException(
                ManagerException.Code.UNAVAILABLE, "the manager is shutting down; try again when it is up");
    }

    private static void prepare(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("PRAGMA busy_timeout = 10000");
            statement.execute("PRAGMA journal_mode = WAL");
            statement.execute("PRAGMA synchronous = FULL");
            try (ResultSet rows = statement.executeQuery("PRAGMA quick_check(1)")) {
                String answer = rows.next() ? rows.getString(1) : "no answer";
                if (!answer.equals("ok")) {
                    throw new SQLException("it is damaged: " + answer);
                }
            }
        }
    }

    /** One row to one record. */
    interface RowReader<T> {
        T read(ResultSet row) throws SQLException;
    }

    /** Where a test lets the manager die. */
    interface Gate {
        Gate OPEN = new Gate() {};

        default void beforeCommit() {}

        default void afterCommit() {}
    }

    private enum Hurry {
        NONE,
        AT_ONCE,
        /** The closing one. */
        LAST
    }

    private record Submission(List<Change> changes, CompletableFuture<Void> done, Hurry hurry) {
        Submission(List<Change> changes, Hurry hurry) {
            this(List.copyOf(changes), new CompletableFuture<>(), hurry);
        }
    }
}
