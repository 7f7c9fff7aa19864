package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.ProcessInfo;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import run.endive.wasm.WasmEngineException;

/**
 * One run of a machine's program. State: running on its {@link GuestThread}, standing at a checkpoint, waiting in the host, ended. The gate's
 * monitor guards {@code signal}, {@code standing} and the sleeping.
 */
final class WasmProcess {
    private static final Logger LOG = LoggerFactory.getLogger(WasmProcess.class);
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static final int SIGKILL = 9;
    private static final int SIGABRT = 6;
    private static final int SIGSEGV = 11;
    /** SIGCHLD, SIGCONT, SIGURG, SIGWINCH: nothing by default. */
    private static final Set<Integer> HARMLESS = Set.of(0, 17, 18, 23, 28);
    /** SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU. */
    private static final Set<Integer> STOPPING = Set.of(19, 20, 21, 22);

    private final WasmMachine machine;
    private final Gate gate;
    private final int processId;
    private final ExecRequest request;
    private final ProcessStreams streams;
    private final Instant startedAt = Instant.now();
    private final GuestThread thread;
    private final Set<GuestWeb> webs = ConcurrentHashMap.newKeySet();
    private int signal;
    private boolean standing;
    private volatile boolean waiting;
    private volatile boolean over;
    private volatile long cpuNanos;

    WasmProcess(WasmMachine machine, int processId, ExecRequest request, Runnable body) {
        this.machine = machine;
        this.gate = machine.gate();
        this.processId = processId;
        this.request = request;
        this.streams = new ProcessStreams(request.stdin());
        this.thread = new GuestThread(this, "wasm-" + machine.id() + "-" + processId, body);
    }

    int processId() {
        return processId;
    }

    int pid() {
        return processId + 1;
    }

    ProcessStreams streams() {
        return streams;
    }

    boolean running() {
        return !over;
    }

    ProcessInfo info() {
        return new ProcessInfo(processId, pid(), running(), false, request.tag(), request.command(), startedAt);
    }

    void start() {
        thread.start();
    }

    /** CPU time of the thread so far. */
    long cpuNanos() {
        if (!idle()) {
            long now = THREADS.getThreadCpuTime(thread.threadId());
            if (now > cpuNanos) {
                cpuNanos = now;
            }
        }
        return cpuNanos;
    }

    /** Whether it uses no CPU: it waits in the host or at a checkpoint. */
    boolean idle() {
        return waiting || over;
    }

    /** Under the gate's monitor: it can go no further until the gate opens. */
    boolean standing() {
        return standing || waiting || over;
    }

    void attract() {
        thread.attention(true);
    }

    /** As kill(2) without handlers: WASI preview 1 has none, so that each deadly signal ends the process. */
    void signal(int number) {
        if (number < 0 || number > 64) {
            throw new EngineException(Code.INVALID, "there is no signal " + number);
        }
        if (STOPPING.contains(number)) {
            throw new EngineException(
                    Code.INVALID,
                    "signal " + number + " cannot stop one WebAssembly process; freeze the whole Tiny VM instead");
        }
        if (!HARMLESS.contains(number)) {
            end(number);
        }
    }

    /** Ends it at its next checkpoint; what it waits for in the host comes back at once. */
    void end(int number) {
        synchronized (gate) {
            if (signal == 0) {
                signal = number;
            }
            attract();
            gate.notifyAll();
        }
        streams.abort();
        webs.forEach(GuestWeb::abort);
    }

    /** From now on its end breaks off those exchanges. */
    void watch(GuestWeb web) {
        webs.add(web);
        if (signal() != 0) {
            web.abort();
        }
    }

    /** On the guest's thread: returns when it may go on. @throws GuestStop.Killed when a signal ends it */
    void checkpoint() {
        synchronized (gate) {
            while (signal == 0 && gate.closed()) {
                standing = true;
                gate.notifyAll();
                try {
                    gate.wait();
                } catch (InterruptedException e) {
                    signal = SIGKILL;
                }
            }
            standing = false;
            if (signal != 0) {
                throw new GuestStop.Killed();
            }
            thread.attention(false);
        }
    }

    /** On the guest's thread: a call that may wait in the host. Meanwhile the machine can be frozen; the guest goes on when it may. */
    int waiting(HostWait call) {
        int result;
        setWaiting(true);
        try {
            result = call.run();
        } catch (InterruptedException e) {
            throw new GuestStop.Killed();
        } finally {
            setWaiting(false);
        }
        checkpoint();
        machine.governor().awake();
        return result;
    }

    /** On the guest's thread. */
    void sleep(long nanos) {
        await(() -> false, nanos);
    }

    /** On the guest's thread: waits until something has happened, as {@link #wake} tells, or the time is over. @param nanos Long.MAX_VALUE: without end */
    void await(BooleanSupplier happened, long nanos) {
        waiting(() -> {
            long start = System.nanoTime();
            synchronized (gate) {
                while (signal == 0 && !happened.getAsBoolean()) {
                    long left = nanos == Long.MAX_VALUE ? Long.MAX_VALUE : nanos - (System.nanoTime() - start);
                    if (left <= 0) {
                        break;
                    }
                    TimeUnit.NANOSECONDS.timedWait(gate, left);
                }
            }
            return 0;
        });
    }

    /** Something happened that its guest may be waiting for. */
    void wake() {
        synchronized (gate) {
            gate.notifyAll();
        }
    }

    /** On the guest's thread: the whole life of the process. */
    void live(Program program, GuestContext guest) {
        Ending ending;
        long memoryBytes = 0;
        try (guest) {
            ending = explained(run(program, guest), guest);
            memoryBytes = guest.memoryBytes();
        } catch (Throwable e) {
            LOG.warn("a guest of {} ended by an error of the engine", machine.id(), e);
            ending = new Ending(0, SIGABRT, "the engine failed; its log says why");
        }
        // Whoever hears of the end finds the memory free.
        finish(ending, memoryBytes);
        machine.ended(this);
    }

    private Ending run(Program program, GuestContext guest) {
        try {
            checkpoint();
            return new Ending(program.run(guest), 0, "");
        } catch (GuestStop.Exit e) {
            return new Ending(e.code(), 0, "");
        } catch (GuestStop.Snapshot e) {
            return new Ending(0, SIGABRT, "it asked for a snapshot that nobody takes");
        } catch (GuestStop.Killed e) {
            return new Ending(0, signal(), "");
        } catch (GuestStop.Trap e) {
            return new Ending(0, e.signal(), String.valueOf(e.getMessage()));
        } catch (StackOverflowError e) {
            return new Ending(0, SIGSEGV, "call stack exhausted");
        } catch (WasmEngineException e) {
            int by = e.getCause() instanceof StackOverflowError ? SIGSEGV : SIGABRT;
            return new Ending(0, by, "the module trapped: " + e.getMessage());
        } catch (OutOfMemoryError e) {
            return new Ending(0, SIGKILL, "the host has no memory left for this process");
        }
    }

    /** A failure after a refused growth is taken for one for want of memory. */
    private Ending explained(Ending ending, GuestContext guest) {
        boolean failed = ending.code() != 0 || (ending.signal() != 0 && ending.signal() != signal());
        if (!failed || !guest.memoryWasRefused()) {
            return ending;
        }
        machine.countOutOfMemory();
        String before = ending.lastWords().isEmpty() ? "" : ending.lastWords() + "; ";
        return new Ending(
                ending.code(),
                ending.signal() == 0 ? 0 : SIGKILL,
                before + "it wanted more memory than its limit of "
                        + machine.memory().limitBytes() + " bytes");
    }

    private int signal() {
        synchronized (gate) {
            return signal;
        }
    }

    private void finish(Ending ending, long memoryBytes) {
        cpuNanos = THREADS.getCurrentThreadCpuTime();
        over = true;
        if (!ending.lastWords().isEmpty()) {
            streams.lastWords("tinyvm: " + ending.lastWords() + "\n");
        }
        int code = ending.signal() == 0 ? ending.code() & 0xff : -1;
        streams.finish(new Output.Exited(code, ending.signal(), cpuNanos / 1000, memoryBytes));
    }

    private void setWaiting(boolean on) {
        if (on) {
            cpuNanos = THREADS.getCurrentThreadCpuTime();
        }
        synchronized (gate) {
            waiting = on;
            if (on) {
                gate.notifyAll();
            }
        }
    }

    /** How it ended. @param signal 0 when it exited by itself @param lastWords for its standard error, may be empty */
    private record Ending(int code, int signal, String lastWords) {}

    /** A call that waits for the world outside. */
    @FunctionalInterface
    interface HostWait {
        int run() throws InterruptedException;
    }

    /** The end that a process without one has when the machine ends. */
    void lose(String reason) {
        streams.finish(new Output.Lost(reason));
    }

    /** Waits until its thread is done with everything. @return false when it still runs */
    boolean awaitOver(long deadlineNanos) throws InterruptedException {
        long left = deadlineNanos - System.nanoTime();
        return left > 0 ? thread.join(java.time.Duration.ofNanos(left)) : !thread.isAlive();
    }
}
