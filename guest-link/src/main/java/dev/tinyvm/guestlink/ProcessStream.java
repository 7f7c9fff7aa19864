package dev.tinyvm.guestlink;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.ExecRequest.WindowSize;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.guestlink.wire.FrameWriter;
import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** EXEC and ATTACH: one process's output, input and end. The lock guards the queue and the receive window. */
final class ProcessStream extends LinkStream implements GuestProcess {
    private static final int FLAG_TERMINAL = 1;
    private static final int FLAG_STDIN = 2;
    private static final int MAX_TAG_BYTES = 256;
    private static final int SHOWN_CHARS = 80;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final CompletableFuture<ProcessStream> started = new CompletableFuture<>();
    private final OutputQueue queue;
    private final ReceiveWindow window = new ReceiveWindow();
    private final SendWindow input;
    private final boolean hasInput;
    private volatile int processId;
    private volatile int pid;
    private @Nullable Output end;

    ProcessStream(GuestLink link, String attempt, long stdoutOffset, long stderrOffset, boolean hasInput) {
        super(link, attempt);
        this.queue = new OutputQueue(stdoutOffset, stderrOffset);
        this.input = new SendWindow(link.streams().sendWindow());
        this.hasInput = hasInput;
    }

    static FrameWriter exec(ExecRequest request) {
        requireValid(request);
        boolean terminal = request.terminal().isPresent();
        WindowSize size = request.terminal().orElse(new WindowSize(0, 0));
        int flags = (terminal ? FLAG_TERMINAL : 0) | (request.stdin() || terminal ? FLAG_STDIN : 0);
        List<String> env = request.env().entrySet().stream()
                .map(e -> e.getKey() + "=" + e.getValue())
                .toList();
        return GuestMessage.EXEC
                .frame(0)
                .u32(flags)
                .str(request.tag())
                .str(request.user())
                .str(request.workingDir())
                .strings(request.command())
                .strings(env)
                .u16(size.rows())
                .u16(size.columns());
    }

    private static void requireValid(ExecRequest request) {
        if (request.command().isEmpty()) {
            throw new IllegalArgumentException("no command was given");
        }
        if (request.tag().getBytes(StandardCharsets.UTF_8).length > MAX_TAG_BYTES) {
            throw new IllegalArgumentException("the tag is longer than " + MAX_TAG_BYTES + " bytes");
        }
        for (String name : request.env().keySet()) {
            if (name.isEmpty() || name.indexOf('=') >= 0) {
                throw new IllegalArgumentException(
                        "'" + shorten(name) + "' cannot be the name of an environment variable");
            }
        }
    }

    static String shorten(String text) {
        return text.length() <= SHOWN_CHARS ? text : text.substring(0, SHOWN_CHARS) + "…";
    }

    /** Waits for STARTED. */
    GuestProcess awaitStarted() {
        return link.await(started, LinkLimits.ANSWER, this);
    }

    @Override
    public int processId() {
        return processId;
    }

    @Override
    public int pid() {
        return pid;
    }

    @Override
    public Output next() throws InterruptedException {
        Output output;
        int grant;
        lock.lockInterruptibly();
        try {
            while (true) {
                output = queue.poll();
                if (output != null) {
                    grant = window.consumed(OutputQueue.bytes(output).length);
                    break;
                }
                if (end != null) {
                    return end;
                }
                changed.await();
            }
            grant = end == null ? grant : 0;
        } finally {
            lock.unlock();
        }
        if (grant > 0) {
            link.streams().send(GuestMessage.WINDOW.frame(id).u32(grant).finish());
        }
        return output;
    }

    @Override
    public void acknowledge(long stdoutOffset, long stderrOffset) {
        if (!over()) {
            link.streams()
                    .send(GuestMessage.ACK
                            .frame(id)
                            .u64(stdoutOffset)
                            .u64(stderrOffset)
                            .finish());
        }
    }

    @Override
    public void writeStdin(byte[] bytes, int offset, int length) {
        java.util.Objects.checkFromIndexSize(offset, length, bytes.length);
        if (!hasInput) {
            throw new EngineException(
                    Code.GONE, "could not write input to process " + processId + ": it was started without input");
        }
        try {
            int at = offset;
            while (at < offset + length) {
                int count = input.take(Math.min(offset + length - at, LinkLimits.DATA_FRAME_BYTES));
                if (count == 0) {
                    throw new EngineException(
                            Code.GONE,
                            "could not write input to process " + processId + ": it has ended or its input is closed");
                }
                link.streams()
                        .sendBulk(GuestMessage.STDIN
                                .frame(id)
                                .bytes(bytes, at, count)
                                .finish());
                at += count;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EngineException(
                    Code.TIMEOUT, "could not write input to process " + processId + ": interrupted", e);
        }
    }

    @Override
    public void closeStdin() {
        if (!over() && hasInput) {
            link.streams().send(GuestMessage.CLOSE_STDIN.frame(id).finish());
        }
    }

    @Override
    public void signal(int signal, boolean wholeGroup) {
        if (signal < 1 || signal > 64) {
            throw new EngineException(Code.INVALID, "there is no signal " + signal + "; signals are 1 to 64");
        }
        if (!over()) {
            link.streams()
                    .send(GuestMessage.SIGNAL
                            .frame(id)
                            .u8(signal)
                            .bool(wholeGroup)
                            .finish());
        }
    }

    @Override
    public void resize(int rows, int columns) {
        if (!over()) {
            link.streams()
                    .send(GuestMessage.RESIZE.frame(id).u16(rows).u16(columns).finish());
        }
    }

    @Override
    public void close() {
        link.streams().cancel(this);
        finish(new Output.Lost("the stream was closed"), true);
    }

    @Override
    void onFrame(GuestMessage message, PayloadReader payload) throws WireException {
        switch (message) {
            case STARTED -> {
                if (started.isDone()) {
                    throw unexpected(message);
                }
                processId = payload.i32();
                pid = payload.i32();
                started.complete(this);
            }
            case STDOUT, STDERR -> output(message, payload);
            case EXITED -> {
                requireStarted(message);
                int code = payload.i32();
                int signal = payload.u8();
                Output.Exited exited = new Output.Exited(code, signal, payload.u63(), payload.u63());
                payload.finish();
                if (signal == 0 ? code < 0 || code > 255 : code != -1) {
                    throw new WireException("EXITED with the code " + code + " and the signal " + signal);
                }
                link.streams().remove(this);
                finish(exited, false);
            }
            default -> throw unexpected(message);
        }
    }

    @Override
    void onError(int errno, String message) {
        EngineException failure = GuestErrors.engine(link.streams().machine(), attempt, errno, message);
        // Everything else that is EINVAL was checked before it was sent: what is left is a user that the Tiny VM does
        // not have.
        started.completeExceptionally(
                errno == Errno.EINVAL
                        ? new EngineException(Code.NOT_FOUND, String.valueOf(failure.getMessage()), failure)
                        : failure);
        finish(new Output.Lost(String.valueOf(failure.getMessage())), false);
    }

    @Override
    void onCancelled() throws WireException {
        requireStarted(GuestMessage.CANCEL);
        finish(new Output.Lost("another reader has attached to the process"), false);
    }

    @Override
    void onWindow(long credit) throws WireException {
        input.add(credit);
    }

    @Override
    void onLost(LinkEnd linkEnd) {
        started.completeExceptionally(link.streams().gone(attempt));
        finish(new Output.Lost(linkEnd.detail()), false);
    }

    @Override
    int receiveCredit() {
        lock.lock();
        try {
            return window.credit();
        } finally {
            lock.unlock();
        }
    }

    private void output(GuestMessage message, PayloadReader payload) throws WireException {
        requireStarted(message);
        long offset = payload.u63();
        byte[] bytes = payload.bytes();
        if (bytes.length == 0) {
            throw new WireException(message + " without bytes");
        }
        lock.lock();
        try {
            window.received(bytes.length);
            queue.add(message == GuestMessage.STDERR, offset, bytes);
            changed.signal();
        } finally {
            lock.unlock();
        }
    }

    private void requireStarted(GuestMessage message) throws WireException {
        if (!started.isDone()) {
            throw unexpected(message);
        }
    }

    private void finish(Output output, boolean dropQueue) {
        input.close();
        lock.lock();
        try {
            if (dropQueue && !(end instanceof Output.Exited)) {
                queue.clear();
            }
            if (end == null) {
                end = output;
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private boolean over() {
        lock.lock();
        try {
            return end != null;
        } finally {
            lock.unlock();
        }
    }
}
