package dev.tinyvm.ledger;

import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one thread that writes the ledger. What comes gathers for {@link #GATHER} and is one transaction; a round of the meters and who waits are written at once. When the disk cannot be written
 * the batch is kept and tried again, and what comes meanwhile is added up in memory: nothing is dropped while the process lives.
 */
final class LedgerWriter {
    private static final Logger LOG = LoggerFactory.getLogger(LedgerWriter.class);
    /** With the time of a commit well below the second that may be lost. */
    private static final Duration GATHER = Duration.ofMillis(500);

    private static final Duration RETRY = Duration.ofSeconds(1);
    private static final Duration BETWEEN_PIECES = Duration.ofMillis(50);
    private static final Duration MERGE_EVERY = Duration.ofMinutes(10);

    private final Ledger ledger;
    private final LedgerDatabase database;
    private final long linesKeptMillis;
    private final Thread thread;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition work = lock.newCondition();
    private long writeAtNanos = Long.MAX_VALUE;
    private boolean scheduled;
    private CompletableFuture<Void> next = new CompletableFuture<>();
    private boolean waitedFor;
    private boolean closing;
    private @Nullable Batch failed;
    private long mergedAtNanos;
    private boolean merging = true;

    LedgerWriter(Ledger ledger, LedgerDatabase database, Duration linesKept) {
        this.ledger = ledger;
        this.database = database;
        this.linesKeptMillis = linesKept.toMillis();
        this.thread = Thread.ofPlatform().daemon().name("tinyvm-ledger").unstarted(this::run);
    }

    void start() {
        mergedAtNanos = System.nanoTime();
        thread.start();
    }

    /** Something is to be written within {@link #GATHER}. */
    void gather() {
        within(GATHER);
    }

    /** Something is to be written now. */
    void soon() {
        within(Duration.ZERO);
    }

    /** Returns when all that is in memory now is on disk. @throws LedgerException when it cannot be written */
    void flush() {
        CompletableFuture<Void> written;
        lock.lock();
        try {
            if (closing) {
                throw new LedgerException("the ledger is closed");
            }
            written = next;
            waitedFor = true;
            work.signal();
        } finally {
            lock.unlock();
        }
        try {
            written.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof LedgerException cause) {
                throw cause;
            }
            throw e;
        }
    }

    /** Writes what is there and ends. */
    void close() {
        lock.lock();
        try {
            closing = true;
            work.signal();
        } finally {
            lock.unlock();
        }
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void within(Duration time) {
        lock.lock();
        try {
            long at = System.nanoTime() + time.toNanos();
            if (!scheduled || at - writeAtNanos < 0) {
                writeAtNanos = at;
                scheduled = true;
                work.signal();
            }
        } finally {
            lock.unlock();
        }
    }

    private void run() {
        while (true) {
            CompletableFuture<Void> waiting;
            boolean last;
            lock.lock();
            try {
                awaitWork();
                scheduled = false;
                waitedFor = false;
                waiting = next;
                next = new CompletableFuture<>();
                last = closing;
            } catch (InterruptedException e) {
                LOG.error("the ledger's writer was interrupted");
                last = true;
                waiting = next;
            } finally {
                lock.unlock();
            }
            write(waiting);
            if (last) {
                return;
            }
            merge();
        }
    }

    private void awaitWork() throws InterruptedException {
        while (!closing && !waitedFor) {
            long left = scheduled ? writeAtNanos - System.nanoTime() : MERGE_EVERY.toNanos();
            if (left <= 0) {
                return;
            }
            long rest = work.awaitNanos(left);
            if (rest <= 0 && !scheduled) {
                return; // Time to look at old lines.
            }
        }
    }

    private void write(CompletableFuture<Void> waiting) {
        try {
            if (failed != null) {
                database.write(failed);
                failed = null;
                LOG.info("the ledger can be written again");
            }
            Batch batch = ledger.drain();
            if (!batch.isEmpty()) {
                failed = batch;
                database.write(batch);
                failed = null;
            }
            waiting.complete(null);
        } catch (SQLException | RuntimeException e) {
            LOG.error("could not write the ledger; what was used is kept in memory and tried again", e);
            waiting.completeExceptionally(new LedgerException(
                    "could not write the ledger: " + e.getMessage() + "; look whether its disk is full", e));
            within(RETRY);
        }
    }

    private void merge() {
        long now = System.nanoTime();
        if (failed != null || (!merging && now - mergedAtNanos < MERGE_EVERY.toNanos())) {
            return;
        }
        mergedAtNanos = now;
        try {
            merging = database.mergeOldest(UsageRow.hour(ledger.time().wallMillis() - linesKeptMillis));
            if (merging) {
                within(BETWEEN_PIECES);
            }
        } catch (SQLException | RuntimeException e) {
            LOG.warn("could not merge old lines of the ledger: {}", e.getMessage());
            merging = false;
        }
    }
}
