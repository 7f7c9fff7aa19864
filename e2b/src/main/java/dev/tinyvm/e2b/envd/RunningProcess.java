package dev.tinyvm.e2b.envd;

import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A command and all who listen to it.
 *
 * <p>One virtual thread reads the command's output and hands each piece to every listener, waiting for the slowest: the command stalls rather than that output is
 * lost or heaped up. With no listener the output is dropped, as E2B does it. The lock orders joining against the end, so that each listener sees exactly one end.
 */
final class RunningProcess {
    /** Pieces of at most 64 KiB that one listener may lag behind. */
    private static final int QUEUE = 16;
    /** Output is acknowledged in steps of this, well below the 256 KiB that the guest keeps. */
    private static final long ACKNOWLEDGE_BYTES = 32 << 10;

    /** How a command was asked for. */
    record Config(
            String command, List<String> args, Map<String, String> env, String workingDir, Optional<String> tag) {}

    private final GuestProcess process;
    private final Config config;
    private final boolean terminal;
    private final boolean stdin;
    private final Consumer<RunningProcess> onEnd;
    private final List<Listener> listeners = new CopyOnWriteArrayList<>();
    private final Object lock = new Object();
    private boolean ended;

    RunningProcess(
            GuestProcess process, Config config, boolean terminal, boolean stdin, Consumer<RunningProcess> onEnd) {
        this.process = process;
        this.config = config;
        this.terminal = terminal;
        this.stdin = stdin;
        this.onEnd = onEnd;
    }

    int pid() {
        return process.pid();
    }

    int processId() {
        return process.processId();
    }

    Config config() {
        return config;
    }

    boolean terminal() {
        return terminal;
    }

    /** Whether it can be written to. */
    boolean stdin() {
        return stdin;
    }

    GuestProcess process() {
        return process;
    }

    /** Starts reading. */
    void start() {
        Thread.ofVirtual().name("e2b-process-" + process.pid()).start(this::pump);
    }

    /** Joins; empty when it has ended already. */
    Optional<Listener> listen() {
        synchronized (lock) {
            if (ended) {
                return Optional.empty();
            }
            Listener listener = new Listener();
            listeners.add(listener);
            return Optional.of(listener);
        }
    }

    private void pump() {
        long stdout = 0;
        long stderr = 0;
        long acknowledged = 0;
        try (process) {
            while (true) {
                Output output = process.next();
                switch (output) {
                    case Output.Stdout o -> stdout = o.offset() + o.bytes().length;
                    case Output.Stderr o -> stderr = o.offset() + o.bytes().length;
                    case Output.Exited o -> {
                        finish(o);
                        return;
                    }
                    case Output.Lost o -> {
                        finish(o);
                        return;
                    }
                }
                for (Listener listener : listeners) {
                    listener.deliver(output);
                }
                if (stdout + stderr - acknowledged >= ACKNOWLEDGE_BYTES) {
                    process.acknowledge(stdout, stderr);
                    acknowledged = stdout + stderr;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            finish(new Output.Lost(String.valueOf(e.getMessage())));
        }
    }

    private void finish(Output last) {
        synchronized (lock) {
            ended = true;
        }
        onEnd.accept(this);
        for (Listener listener : listeners) {
            try {
                listener.deliver(last);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    /** One who listens. Taken from by one thread; must be closed. */
    final class Listener implements AutoCloseable {
        private final ArrayBlockingQueue<Output> queue = new ArrayBlockingQueue<>(QUEUE);
        private volatile boolean closed;

        /** The next piece, or empty when none came in that time. */
        Optional<Output> take(Duration timeout) throws InterruptedException {
            return Optional.ofNullable(queue.poll(timeout.toNanos(), TimeUnit.NANOSECONDS));
        }

        /** Whether {@link #take} would have to wait. */
        boolean idle() {
            return queue.isEmpty();
        }

        private void deliver(Output output) throws InterruptedException {
            while (!closed && !queue.offer(output, 1, TimeUnit.SECONDS)) {
                // The listener is slow: the command waits for it.
            }
        }

        @Override
        public void close() {
            closed = true;
            listeners.remove(this);
            queue.clear();
        }
    }
}
