package dev.tinyvm.manager;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs what concerns one Tiny VM one after another, each turn to its end, on a virtual thread that lives only while there is something
 * to do. So the Tiny VM's state needs no lock, its handlers may block, and a thousand idle ones cost no thread. The monitor guards the queue.
 */
final class Turns {
    private static final Logger LOG = LoggerFactory.getLogger(Turns.class);

    private final String name;
    private final Deque<Turn> waiting = new ArrayDeque<>(2);
    private boolean running;
    private boolean closed;
    private @Nullable Thread worker;

    Turns(String name) {
        this.name = name;
    }

    /** Runs it later; nothing happens once closed. */
    void post(Runnable turn) {
        boolean _ = post(new Turn(turn, () -> {}));
    }

    /** False when closed. */
    private boolean post(Turn turn) {
        synchronized (this) {
            if (closed) {
                return false;
            }
            waiting.add(turn);
            if (running) {
                return true;
            }
            running = true;
        }
        Thread.ofVirtual().name(name).start(this::work);
        return true;
    }

    /**
     * Runs it in turn and waits for its result. Must not be called within a turn of the same Tiny VM.
     *
     * @throws ManagerException {@code UNAVAILABLE} when it is closed before its turn comes
     */
    <T> T call(Callable<T> turn) {
        CompletableFuture<T> result = new CompletableFuture<>();
        synchronized (this) {
            if (Thread.currentThread().equals(worker)) {
                throw new IllegalStateException("a turn of " + name + " waits for itself");
            }
        }
        Turn posted = new Turn(
                () -> {
                    try {
                        result.complete(turn.call());
                    } catch (Exception | Error e) {
                        result.completeExceptionally(e);
                    }
                },
                () -> result.completeExceptionally(shuttingDown()));
        if (!post(posted)) {
            throw shuttingDown();
        }
        try {
            return result.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ManagerException(ManagerException.Code.TIMEOUT, "interrupted while waiting for " + name, e);
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case RuntimeException cause -> throw cause;
                case Error cause -> throw cause;
                case null, default -> throw new IllegalStateException(e);
            }
        }
    }

    /** Drops what waits, and says so to those who wait for it; a turn that runs goes on. */
    void close() {
        List<Turn> dropped;
        synchronized (this) {
            closed = true;
            dropped = List.copyOf(waiting);
            waiting.clear();
        }
        dropped.forEach(turn -> turn.dropped().run());
    }

    private static ManagerException shuttingDown() {
        return new ManagerException(
                ManagerException.Code.UNAVAILABLE, "the manager is shutting down; try again when it is up");
    }

    private void work() {
        synchronized (this) {
            worker = Thread.currentThread();
        }
        while (true) {
            Turn turn;
            synchronized (this) {
                turn = waiting.poll();
                if (turn == null) {
                    running = false;
                    worker = null;
                    return;
                }
            }
            try {
                turn.run().run();
            } catch (RuntimeException | Error e) {
                LOG.error("a step of Tiny VM {} failed", name, e);
            }
        }
    }

    private record Turn(Runnable run, Runnable dropped) {}
}
