package dev.tinyvm.engine;

import dev.tinyvm.engine.ExecRequest.WindowSize;
import dev.tinyvm.engine.GuestProcess.Output;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A process inside of a {@link FakeVm}. Its program uses the methods up to {@link #sleep}; the engine's side uses the rest. Output is
 * kept until it is acknowledged; with 256 KiB kept, the program blocks in {@link #out}. The monitor guards all fields.
 */
public final class FakeProcess {
    private static final int KEPT_BYTES = 256 << 10;
    private static final int STDIN_BYTES = 64 << 10;
    private static final int CHUNK_BYTES = 32 << 10;
    private static final Set<Integer> HARMLESS_SIGNALS = Set.of(17, 18, 23, 28);

    private final FakeVm vm;
    private final int processId;
    private final ExecRequest request;
    private volatile List<String> command;
    private final String user;
    private final String directory;
    private final Instant startedAt = Instant.now();
    private final Set<Integer> ignored = new HashSet<>();
    private final Deque<Output> kept = new ArrayDeque<>();
    private final ByteArrayOutputStream stdin = new ByteArrayOutputStream();
    private @Nullable Thread thread;
    private @Nullable Output end;
    private @Nullable WindowSize window;
    private @Nullable FakeStream reader;
    private long stdoutOffset;
    private long stderrOffset;
    private int keptBytes;
    private boolean stdinClosed;
    private int fatalSignal;

    FakeProcess(FakeVm vm, int processId, ExecRequest request, String user, String directory) {
        this.vm = vm;
        this.processId = processId;
        this.request = request;
        this.command = request.command();
        this.user = user;
        this.directory = directory;
        this.window = request.terminal().orElse(null);
        this.stdinClosed = !request.stdin() && request.terminal().isEmpty();
    }

    // For programs

    public FakeVm vm() {
        return vm;
    }

    /** Program and arguments. */
    public List<String> command() {
        return command;
    }

    /** The same process running another command, as a shell's child would. */
    FakeProcess as(List<String> words) {
        command = List.copyOf(words);
        return this;
    }

    public String user() {
        return user;
    }

    public String workingDir() {
        return directory;
    }

    /** The basic environment and what the request added. */
    public Map<String, String> env() {
        Map<String, String> env = new LinkedHashMap<>();
        env.put("HOME", FakeFiles.home(user));
        env.put("USER", user);
        env.put("LOGNAME", user);
        env.put("SHELL", "/bin/bash");
        env.put("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        env.putAll(request.env());
        return env;
    }

    /** The terminal's size now; empty without a terminal. */
    public synchronized Optional<WindowSize> window() {
        return Optional.ofNullable(window);
    }

    /** From now on the signal does nothing (SIGKILL always kills). */
    public synchronized void ignoreSignal(int signal) {
        ignored.add(signal);
    }

    public void out(String text) throws InterruptedException {
        out(text.getBytes(StandardCharsets.UTF_8));
    }

    public void out(byte[] bytes) throws InterruptedException {
        write(bytes, false);
    }

    public void err(String text) throws InterruptedException {
        write(text.getBytes(StandardCharsets.UTF_8), request.terminal().isEmpty());
    }

    /** What input there is, waiting for some; null at its end. */
    public byte @Nullable [] read() throws InterruptedException {
        byte[] bytes;
        synchronized (this) {
            while (stdin.size() == 0 && !stdinClosed) {
                wait();
            }
            bytes = stdin.toByteArray();
            stdin.reset();
            notifyAll();
        }
        vm.awaitThawed();
        return bytes.length == 0 ? null : bytes;
    }

    public void sleep(Duration duration) throws InterruptedException {
        Thread.sleep(duration);
        vm.awaitThawed();
    }

    /** Ends it as a signal would, from within. */
    public int dieBySignal(int signal) throws InterruptedException {
        synchronized (this) {
            fatalSignal = signal;
        }
        throw new InterruptedException();
    }

    // For the engine's side

    int processId() {
        return processId;
    }

    int pid() {
        return 1 + processId;
    }

    ProcessInfo info() {
        return new ProcessInfo(
                processId,
                pid(),
                running(),
                request.terminal().isPresent(),
                request.tag(),
                request.command(),
                startedAt);
    }

    public synchronized boolean running() {
        return end == null;
    }

    void start(@Nullable FakeProgram program) {
        if (program == null) {
            throw new IllegalArgumentException("no program");
        }
        Thread runner =
                Thread.ofVirtual().name(vm.id() + "-process-" + processId).unstarted(() -> run(program));
        synchronized (this) {
            thread = runner;
            runner.start();
        }
    }

    synchronized void signal(int signal) {
        Thread running = thread;
        boolean fatal = signal == 9 || (!HARMLESS_SIGNALS.contains(signal) && !ignored.contains(signal));
        if (end == null && fatal && running != null) {
            fatalSignal = signal;
            running.interrupt();
        }
    }

    synchronized void resize(int rows, int columns) {
        if (window != null) {
            window = new WindowSize(rows, columns);
        }
    }

    /** False when it has ended or closed its input. */
    synchronized boolean writeStdin(byte[] bytes, int offset, int length) throws InterruptedException {
        while (length > 0) {
            while (end == null && !stdinClosed && stdin.size() >= STDIN_BYTES) {
                wait();
            }
            if (end != null || stdinClosed) {
                return false;
            }
            int part = Math.min(length, STDIN_BYTES - stdin.size());
            stdin.write(bytes, offset, part);
            offset += part;
            length -= part;
            notifyAll();
        }
        return true;
    }

    synchronized void closeStdin() {
        stdinClosed = true;
        notifyAll();
    }

    synchronized void acknowledge(long stdout, long stderr) {
        while (!kept.isEmpty()
                && endOf(kept.getFirst()) <= (kept.getFirst() instanceof Output.Stdout ? stdout : stderr)) {
            keptBytes -= bytesOf(kept.removeFirst()).length;
        }
        notifyAll();
    }

    /** Makes this the only reader; the one before it is told so. */
    synchronized void attach(FakeStream stream) {
        FakeStream older = reader;
        reader = stream;
        if (older != null) {
            older.lose("another reader has attached to the process");
        }
        notifyAll();
    }

    /** The next output at or after these offsets, waiting for it; {@code Lost} once the stream was lost. */
    synchronized Output next(FakeStream stream) throws InterruptedException {
        while (true) {
            Output lost = stream.lost();
            if (lost != null) {
                return lost;
            }
            for (Output output : kept) {
                long wanted = output instanceof Output.Stdout ? stream.stdoutOffset() : stream.stderrOffset();
                if (endOf(output) > wanted) {
                    return from(output, wanted);
                }
            }
            if (end != null) {
                return end;
            }
            wait();
        }
    }

    synchronized void wake() {
        notifyAll();
    }

    synchronized void machineEnded(String reason) {
        if (end == null) {
            finish(new Output.Lost("the machine ended: " + reason));
            if (thread != null) {
                thread.interrupt();
            }
        }
    }

    synchronized boolean awaitEnd(long time, TimeUnit unit) throws InterruptedException {
        long deadline = System.nanoTime() + unit.toNanos(time);
        while (end == null) {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                return false;
            }
            TimeUnit.NANOSECONDS.timedWait(this, left);
        }
        return true;
    }

    private void run(FakeProgram program) {
        int code;
        try {
            code = program.run(this);
            vm.awaitThawed();
        } catch (InterruptedException e) {
            code = -1;
        }
        synchronized (this) {
            if (end == null) {
                int signal = code == -1 ? (fatalSignal == 0 ? 9 : fatalSignal) : 0;
                finish(new Output.Exited(code, signal, 1000, 1 << 20));
            }
        }
    }

    private void finish(Output output) {
        end = output;
        notifyAll();
    }

    private void write(byte[] bytes, boolean toStderr) throws InterruptedException {
        vm.awaitThawed();
        synchronized (this) {
            for (int at = 0; at < bytes.length; at += CHUNK_BYTES) {
                byte[] chunk = Arrays.copyOfRange(bytes, at, Math.min(bytes.length, at + CHUNK_BYTES));
                while (keptBytes + chunk.length > KEPT_BYTES && end == null) {
                    wait();
                }
                if (end != null) {
                    throw new InterruptedException();
                }
                kept.add(toStderr ? new Output.Stderr(stderrOffset, chunk) : new Output.Stdout(stdoutOffset, chunk));
                keptBytes += chunk.length;
                if (toStderr) {
                    stderrOffset += chunk.length;
                } else {
                    stdoutOffset += chunk.length;
                }
                notifyAll();
            }
        }
    }

    private static Output from(Output output, long wanted) {
        return switch (output) {
            case Output.Stdout o
            when wanted > o.offset() ->
                new Output.Stdout(wanted, Arrays.copyOfRange(o.bytes(), (int) (wanted - o.offset()), o.bytes().length));
            case Output.Stderr o
            when wanted > o.offset() ->
                new Output.Stderr(wanted, Arrays.copyOfRange(o.bytes(), (int) (wanted - o.offset()), o.bytes().length));
            default -> output;
        };
    }

    static long endOf(Output output) {
        return switch (output) {
            case Output.Stdout o -> o.offset() + o.bytes().length;
            case Output.Stderr o -> o.offset() + o.bytes().length;
            default -> 0;
        };
    }

    private static byte[] bytesOf(Output output) {
        return switch (output) {
            case Output.Stdout o -> o.bytes();
            case Output.Stderr o -> o.bytes();
            default -> new byte[0];
        };
    }
}
