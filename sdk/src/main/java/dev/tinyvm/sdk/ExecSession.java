package dev.tinyvm.sdk;

import dev.tinyvm.sdk.FrameSocket.Binary;
import dev.tinyvm.sdk.FrameSocket.Broken;
import dev.tinyvm.sdk.FrameSocket.Closed;
import dev.tinyvm.sdk.FrameSocket.Frame;
import dev.tinyvm.sdk.FrameSocket.Text;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A running command with its streams. One thread reads with {@link #next}; any thread may write, signal, resize, close. Closing it before the end ends the command
 * (SIGHUP, then SIGKILL) unless it was started with {@code detach}.
 */
public sealed class ExecSession implements AutoCloseable permits RunSession {
    static final byte STDIN = 0;
    static final byte STDOUT = 1;
    static final byte STDERR = 2;
    private static final int CHUNK_BYTES = 32 << 10;
    /** So much input may be on its way; less than what the server buffers, so that signals never wait behind input. */
    private static final int STDIN_WINDOW_BYTES = 256 << 10;

    private final FrameSocket socket;
    private final int processId;
    private final int pid;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition credit = lock.newCondition();
    private long stdinSent;
    private long stdinConsumed;
    private boolean over;
    private @Nullable Exited exited;

    ExecSession(FrameSocket socket, JsonNode started) {
        this.socket = socket;
        this.processId = started.path("processId").asInt(0);
        this.pid = started.path("pid").asInt(0);
    }

    /** Sends the request and waits until the command runs. */
    static ExecSession start(FrameSocket socket, ExecCommand command) {
        ObjectNode request = request(command);
        request.put("stdin", command.stdin());
        request.put("detach", command.detach());
        command.terminal().ifPresent(window -> request.set("terminal", window(window)));
        socket.sendText(request.toString());
        try {
            return new ExecSession(socket, started(socket, message -> {}));
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    static ObjectNode request(ExecCommand command) {
        ObjectNode request = Transport.object();
        var words = request.putArray("command");
        command.command().forEach(words::add);
        if (!command.env().isEmpty()) {
            ObjectNode env = request.putObject("env");
            command.env().forEach(env::put);
        }
        if (!command.workingDir().isEmpty()) {
            request.put("workingDir", command.workingDir());
        }
        if (!command.user().isEmpty()) {
            request.put("user", command.user());
        }
        return request;
    }

    static ObjectNode window(ExecCommand.Window window) {
        return Transport.object().put("rows", window.rows()).put("columns", window.columns());
    }

    /** Reads control frames up to {@code started}. */
    static JsonNode started(FrameSocket socket, java.util.function.Consumer<String> waiting) {
        while (true) {
            Frame frame;
            try {
                frame = socket.take();
            } catch (InterruptedException e) {
                throw Transport.interrupted(e);
            }
            switch (frame) {
                case Text(String text) -> {
                    JsonNode node = Transport.parse(text);
                    switch (Decoding.text(node, "type")) {
                        case "started" -> {
                            return node;
                        }
                        case "pending" -> waiting.accept(Decoding.text(node, "message"));
                        case "error" -> throw Decoding.error(node.path("status").asInt(0), node);
                        default -> {}
                    }
                }
                case Binary b -> {}
                case Closed(int code, String reason) ->
                    throw new TinyVmConnectionException("the manager closed the connection before the command started ("
                            + code + " " + reason + ")");
                case Broken(TinyVmConnectionException cause) -> throw cause;
            }
        }
    }

    /** The guest's number of the process. */
    public int processId() {
        return processId;
    }

    /** Its pid inside the VM. */
    public int pid() {
        return pid;
    }

    /**
     * Waits for what comes next; after {@link Exited} it returns the same again.
     *
     * @throws TinyVmException {@code gone} when the VM ended before the command's end was known
     * @throws TinyVmConnectionException when the connection broke; the command's fate is unknown
     */
    public Output next() throws InterruptedException {
        while (true) {
            if (exited != null) {
                return exited;
            }
            Optional<Output> output = output(socket.take());
            if (output.isPresent()) {
                return output.get();
            }
        }
    }

    /** As {@link #next()}, waiting at most so long. */
    public Optional<Output> next(Duration timeout) throws InterruptedException {
        long end = System.nanoTime() + timeout.toNanos();
        while (true) {
            if (exited != null) {
                return Optional.of(exited);
            }
            Optional<Frame> frame = socket.poll(Duration.ofNanos(Math.max(0, end - System.nanoTime())));
            if (frame.isEmpty()) {
                return Optional.empty();
            }
            Optional<Output> output = output(frame.get());
            if (output.isPresent()) {
                return output;
            }
        }
    }

    /** Writes input; blocks while the command does not read. Ignored once the command has ended. Needs a thread that reads with {@link #next}. */
    public void write(byte[] bytes, int offset, int length) {
        int at = offset;
        int left = length;
        while (left > 0) {
            int size = Math.min(left, CHUNK_BYTES);
            if (!awaitCredit(size)) {
                return;
            }
            ByteBuffer frame = ByteBuffer.allocate(1 + size).put(STDIN).put(bytes, at, size);
            socket.sendBinary(frame.flip());
            at += size;
            left -= size;
        }
    }

    public void write(byte[] bytes) {
        write(bytes, 0, bytes.length);
    }

    /** {@link #write} as a stream; closing it is {@link #closeStdin}. */
    public OutputStream stdin() {
        return new OutputStream() {
            @Override
            public void write(int b) {
                ExecSession.this.write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) {
                ExecSession.this.write(bytes, offset, length);
            }

            @Override
            public void close() {
                closeStdin();
            }
        };
    }

    /** End of input. */
    public void closeStdin() {
        control(Transport.object().put("type", "closeStdin"));
    }

    /** Sends a signal to the command's process group. */
    public void signal(int signal) {
        signal(signal, true);
    }

    public void signal(int signal, boolean wholeGroup) {
        control(Transport.object().put("type", "signal").put("signal", signal).put("group", wholeGroup));
    }

    /** New window size; nothing happens without a terminal. */
    public void resize(int rows, int columns) {
        control(Transport.object().put("type", "resize").put("rows", rows).put("columns", columns));
    }

    @Override
    public void close() {
        finish();
        socket.close();
    }

    private void control(ObjectNode frame) {
        lock.lock();
        try {
            if (over) {
                return;
            }
        } finally {
            lock.unlock();
        }
        socket.sendText(frame.toString());
    }

    private boolean awaitCredit(int size) {
        lock.lock();
        try {
            while (!over && stdinSent + size - stdinConsumed > STDIN_WINDOW_BYTES) {
                credit.await();
            }
            stdinSent += size;
            return !over;
        } catch (InterruptedException e) {
            throw Transport.interrupted(e);
        } finally {
            lock.unlock();
        }
    }

    private Optional<Output> output(Frame frame) {
        return switch (frame) {
            case Binary(byte[] bytes)
            when bytes.length > 0 && bytes[0] == STDOUT ->
                Optional.of(new Stdout(Arrays.copyOfRange(bytes, 1, bytes.length)));
            case Binary(byte[] bytes)
            when bytes.length > 0 && bytes[0] == STDERR ->
                Optional.of(new Stderr(Arrays.copyOfRange(bytes, 1, bytes.length)));
            case Binary b -> Optional.empty();
            case Text(String text) -> control(Transport.parse(text));
            case Closed(int code, String reason) -> {
                finish();
                throw new TinyVmConnectionException(
                        "the connection was closed before the command's end was known (" + code + " " + reason + ")");
            }
            case Broken(TinyVmConnectionException cause) -> {
                finish();
                throw cause;
            }
        };
    }

    private Optional<Output> control(JsonNode node) {
        return switch (Decoding.text(node, "type")) {
            case "exit" -> {
                finish();
                Exited end = new Exited(
                        node.path("exitCode").asInt(-1),
                        node.path("signal").asInt(0),
                        node.path("cpuMicros").asLong(0),
                        node.path("maxRssBytes").asLong(0),
                        Decoding.text(node, "reason"),
                        Decoding.text(node, "message"));
                exited = end;
                yield Optional.of(end);
            }
            case "stdin" -> {
                consumed(node.path("consumed").asLong(0));
                yield Optional.empty();
            }
            case "lost" -> {
                finish();
                throw new TinyVmException(0, "gone", Decoding.text(node, "reason"), "", "", "", List.of());
            }
            case "error" -> {
                finish();
                throw Decoding.error(node.path("status").asInt(0), node);
            }
            default -> Optional.empty();
        };
    }

    private void consumed(long offset) {
        lock.lock();
        try {
            stdinConsumed = Math.max(stdinConsumed, offset);
            credit.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void finish() {
        lock.lock();
        try {
            over = true;
            credit.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** What a command says. */
    public sealed interface Output {}

    /** Bytes of standard output (all output of a terminal). */
    @SuppressWarnings("ArrayRecordComponent") // bytes are handed over, not compared
    public record Stdout(byte[] bytes) implements Output {}

    /** Bytes of standard error. */
    @SuppressWarnings("ArrayRecordComponent") // bytes are handed over, not compared
    public record Stderr(byte[] bytes) implements Output {}

    /**
     * The end.
     *
     * @param exitCode 0 to 255; −1 when a signal ended it
     * @param signal 0 when none
     * @param reason a word such as {@code OOMKilled}; may be empty
     * @param message a sentence that explains the reason; may be empty
     */
    public record Exited(int exitCode, int signal, long cpuMicros, long maxRssBytes, String reason, String message)
            implements Output {
        /** As a shell says it: the code, or 128 + signal. */
        public int shellStatus() {
            return signal == 0 ? exitCode : 128 + signal;
        }
    }
}
