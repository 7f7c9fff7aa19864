package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.manager.VmLog.Position;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A run of the main process: one virtual thread moves its output into the log and reports its end. When the log cannot take more (a full
 * disk), the thread waits, the guest's window fills, and that process alone is slowed.
 */
final class MainProcess {
    private static final Logger LOG = LoggerFactory.getLogger(MainProcess.class);
    private static final Duration RETRY = Duration.ofSeconds(1);
    private static final Duration END_OF_MACHINE = Duration.ofSeconds(2);
    private static final int ATTACH_TRIES = 5;

    private final Machine machine;
    private final MainRun run;
    private final VmLog log;
    private final Listener listener;
    private final CompletableFuture<Void> done = new CompletableFuture<>();
    private volatile GuestProcess process;
    private volatile boolean closed;

    MainProcess(Machine machine, GuestProcess process, MainRun run, VmLog log, Listener listener) {
        this.machine = machine;
        this.process = process;
        this.run = run;
        this.log = log;
        this.listener = listener;
    }

    MainRun run() {
        return run;
    }

    void start() {
        Thread.ofVirtual().name(machine.id() + "-log").start(this::pump);
    }

    /** Nothing happens when it has ended. */
    void signal(int signal) {
        process.signal(signal, true);
    }

    /** Waits until all of its output is in the log and its end was reported; false when that took too long. */
    boolean awaitDone(Duration timeout) {
        try {
            done.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } catch (TimeoutException | java.util.concurrent.ExecutionException e) {
            return false;
        }
    }

    /** Lets go of it; it goes on. */
    void close() {
        closed = true;
        process.close();
    }

    private void pump() {
        try {
            Output end = moveOutput();
            if (!closed) {
                listener.ended(this, end);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            LOG.error("reading the output of {} failed", machine.id(), e);
            listener.ended(this, new Output.Lost("reading its output failed: " + e.getMessage()));
        } finally {
            done.complete(null);
        }
    }

    private Output moveOutput() throws InterruptedException {
        while (true) {
            GuestProcess from = process;
            switch (from.next()) {
                case Output.Stdout out -> take(from, false, out.offset(), out.bytes());
                case Output.Stderr err -> take(from, true, err.offset(), err.bytes());
                case Output.Exited exited -> {
                    keepTrying(() -> {
                        log.finish();
                        return new Position(0, 0);
                    });
                    return exited;
                }
                case Output.Lost lost -> {
                    if (closed || machineEnds() || !attachAgain()) {
                        return lost;
                    }
                }
            }
        }
    }

    private void take(GuestProcess from, boolean stderr, long offset, byte[] bytes) throws InterruptedException {
        Position safe = keepTrying(() -> log.append(stderr, offset, bytes));
        if (!closed) {
            from.acknowledge(safe.stdout(), safe.stderr());
        }
    }

    private Position keepTrying(LogWrite write) throws InterruptedException {
        boolean told = false;
        while (true) {
            try {
                return write.run();
            } catch (IOException e) {
                if (closed || machine.ended().isDone()) {
                    LOG.warn("lines of {} are lost, its log cannot be written: {}", machine.id(), e.getMessage());
                    return new Position(0, 0);
                }
                if (!told) {
                    listener.logStuck(e.getMessage() == null ? e.toString() : e.getMessage());
                    told = true;
                }
                Thread.sleep(RETRY);
            }
        }
    }

    private boolean machineEnds() throws InterruptedException {
        try {
            machine.ended().get(END_OF_MACHINE.toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (java.util.concurrent.ExecutionException e) {
            return true;
        }
    }

    /** The link broke while the machine lives. */
    private boolean attachAgain() throws InterruptedException {
        for (int tries = 0; tries < ATTACH_TRIES && !closed; tries++) {
            try {
                Position position = log.resume(run);
                process = machine.attach(run.processId(), position.stdout(), position.stderr());
                if (closed) {
                    process.close();
                }
                return true;
            } catch (EngineException e) {
                if (e.code() == EngineException.Code.GONE || e.code() == EngineException.Code.NOT_FOUND) {
                    return false;
                }
                LOG.warn("could not attach to the main process of {} again: {}", machine.id(), e.getMessage());
            } catch (IOException e) {
                LOG.warn("could not read the log of {}: {}", machine.id(), e.getMessage());
            }
            Thread.sleep(RETRY);
        }
        return false;
    }

    /** Called on the thread that reads. */
    interface Listener {
        void ended(MainProcess process, Output end);

        /** Its log cannot be written at present; its output waits. */
        void logStuck(String reason);
    }

    private interface LogWrite {
        Position run() throws IOException;
    }
}
