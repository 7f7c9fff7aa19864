package dev.tinyvm.server.api;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.ExecRequest.WindowSize;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output.Exited;
import dev.tinyvm.engine.GuestProcess.Output.Lost;
import dev.tinyvm.engine.GuestProcess.Output.Stderr;
import dev.tinyvm.engine.GuestProcess.Output.Stdout;
import dev.tinyvm.server.http.FrameSocket;
import dev.tinyvm.server.http.FrameSocket.Binary;
import dev.tinyvm.server.http.FrameSocket.Closed;
import dev.tinyvm.server.http.FrameSocket.Frame;
import dev.tinyvm.server.http.FrameSocket.Text;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries a process's streams over a WebSocket (frames: docs/api.md) until the process has ended or the client is gone.
 *
 * <p>Three virtual threads: the caller's reads output and sends it, so a client that does not read stalls only this process; one reads frames and obeys control frames
 * at once; one writes stdin, which may block without holding up signals.
 */
final class ProcessBridge {
    static final byte STDIN = 0;
    static final byte STDOUT = 1;
    static final byte STDERR = 2;

    private static final Logger log = LoggerFactory.getLogger(ProcessBridge.class);
    private static final int SIGHUP = 1;
    private static final int SIGKILL = 9;
    private static final Duration HANGUP_GRACE = Duration.ofSeconds(2);
    private static final Duration END_AFTER_KILL = Duration.ofSeconds(10);
    private static final int CONSUMED_EVERY_BYTES = 64 << 10;
    private static final Duration LONG = Duration.ofDays(1);
    private static final byte[] END_OF_INPUT = {};

    private final FrameSocket socket;
    private final GuestProcess process;
    private final boolean detach;
    private final String requestId;
    private final LinkedBlockingQueue<byte[]> stdin = new LinkedBlockingQueue<>();
    private final CountDownLatch over = new CountDownLatch(1);
    private volatile boolean clientGone;

    ProcessBridge(FrameSocket socket, GuestProcess process, boolean detach, String requestId) {
        this.socket = socket;
        this.process = process;
        this.detach = detach;
        this.requestId = requestId;
    }

    /** The process's end; empty when it was detached or lost, or could not be ended. A lost one has been reported to the client. */
    Optional<Exited> run() throws InterruptedException {
        Thread output = Thread.currentThread();
        Thread writer = Thread.ofVirtual().name("tinyvm-socket-stdin").start(this::writeInput);
        Thread reader = Thread.ofVirtual().name("tinyvm-socket-read").start(() -> readFrames(output));
        try {
            return pump();
        } catch (InterruptedException e) {
            if (clientGone) {
                return Optional.empty();
            }
            hangUp(output);
            throw e;
        } finally {
            over.countDown();
            writer.interrupt();
            reader.interrupt();
            // The reader may be about to interrupt this thread; that must not reach what the caller does next.
            reader.join();
            boolean ignored = Thread.interrupted();
            process.close();
        }
    }

    private Optional<Exited> pump() throws InterruptedException {
        while (true) {
            switch (process.next()) {
                case Stdout(long offset, byte[] bytes) -> {
                    send(STDOUT, bytes);
                    process.acknowledge(offset + bytes.length, 0);
                }
                case Stderr(long offset, byte[] bytes) -> {
                    send(STDERR, bytes);
                    process.acknowledge(0, offset + bytes.length);
                }
                case Exited exited -> {
                    return Optional.of(exited);
                }
                case Lost(String reason) -> {
                    reportLost(reason);
                    return Optional.empty();
                }
            }
        }
    }

    /** Once the client is gone output is read and dropped, so that a process which is told to hang up can do so. */
    private void send(byte channel, byte[] bytes) {
        if (clientGone) {
            return;
        }
        try {
            socket.sendBinary(ByteBuffer.allocate(1 + bytes.length)
                    .put(channel)
                    .put(bytes)
                    .flip());
        } catch (IOException e) {
            log.debug("output of a process whose client is gone is dropped", e);
        }
    }

    private void reportLost(String reason) {
        try {
            socket.sendText(g -> {
                g.writeStartObject();
                g.writeStringProperty("type", "lost");
                g.writeStringProperty("reason", reason);
                g.writeEndObject();
            });
        } catch (IOException e) {
            log.debug("nobody is there to be told that a process was lost", e);
        }
    }

    private void readFrames(Thread output) {
        try {
            while (over.getCount() > 0) {
                Optional<Frame> frame = socket.take(LONG);
                switch (frame.orElse(null)) {
                    case null -> {}
                    case Text(String text) -> control(text);
                    case Binary(byte[] bytes) -> input(bytes);
                    case Closed closed -> {
                        clientGone = true;
                        if (over.getCount() > 0) {
                            hangUp(output);
                        }
                        return;
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (HttpError e) {
            refuse(e);
            socket.close(1008, "bad frame");
            clientGone = true;
            hangUp(output);
        }
    }

    private void refuse(HttpError error) {
        try {
            socket.sendText(errorFrame(error, requestId));
        } catch (IOException e) {
            log.debug("nobody is there to be told about a bad frame", e);
        }
    }

    static dev.tinyvm.server.http.JsonBody errorFrame(HttpError error, String requestId) {
        return g -> {
            g.writeStartObject();
            g.writeStringProperty("type", "error");
            g.writeNumberProperty("status", error.status());
            error.writeInto(g, requestId);
            g.writeEndObject();
        };
    }

    private void input(byte[] frame) {
        if (frame.length == 0 || frame[0] != STDIN) {
            throw HttpError.invalid("a binary frame from the client must start with the channel byte 0 (stdin)");
        }
        if (frame.length > 1) {
            stdin.add(frame);
        } else {
            socket.release(frame.length);
        }
    }

    private void control(String text) {
        JsonRequest control = JsonRequest.parse(text);
        String type = control.requiredText("type");
        try {
            switch (type) {
                case "resize" -> {
                    WindowSize size = ExecRoutes.window(control);
                    control.finish();
                    process.resize(size.rows(), size.columns());
                }
                case "signal" -> {
                    int signal = control.requiredNumber("signal", 1, 64);
                    boolean group = control.flag("group", true);
                    control.finish();
                    process.signal(signal, group);
                }
                case "closeStdin" -> {
                    control.finish();
                    stdin.add(END_OF_INPUT);
                }
                default ->
                    throw HttpError.invalid("unknown control frame '"
                            + (type.length() > 40 ? type.substring(0, 40) : type)
                            + "'; there are: resize, signal, closeStdin");
            }
        } catch (EngineException e) {
            // It has ended meanwhile, which the client will hear from the exit frame.
            log.debug("a control frame came too late", e);
        }
    }

    private void writeInput() {
        long consumed = 0;
        long reported = 0;
        boolean closed = false;
        try {
            while (true) {
                byte[] frame = stdin.take();
                if (frame.length == 0) {
                    closed = true;
                    closeInput();
                    continue;
                }
                if (!closed) {
                    closed = !write(frame);
                }
                socket.release(frame.length);
                consumed += frame.length - 1;
                if (consumed - reported >= CONSUMED_EVERY_BYTES) {
                    long now = consumed;
                    reported = now;
                    socket.sendText(g -> {
                        g.writeStartObject();
                        g.writeStringProperty("type", "stdin");
                        g.writeNumberProperty("consumed", now);
                        g.writeEndObject();
                    });
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            log.debug("the client of a process is gone", e);
        }
    }

    /** False when the process takes no more. */
    private boolean write(byte[] frame) {
        try {
            process.writeStdin(frame, 1, frame.length - 1);
            return true;
        } catch (EngineException e) {
            log.debug("a process takes no more input", e);
            return false;
        }
    }

    private void closeInput() {
        try {
            process.closeStdin();
        } catch (EngineException e) {
            log.debug("a process has ended before its input did", e);
        }
    }

    /** The client is gone: a detached process goes on, another gets SIGHUP, then SIGKILL. */
    private void hangUp(Thread output) {
        try {
            if (!detach) {
                process.signal(SIGHUP, true);
                if (!over.await(HANGUP_GRACE.toMillis(), TimeUnit.MILLISECONDS)) {
                    process.signal(SIGKILL, true);
                    boolean ignored = over.await(END_AFTER_KILL.toMillis(), TimeUnit.MILLISECONDS);
                }
            }
        } catch (EngineException e) {
            log.debug("a process whose client is gone has ended", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (over.getCount() > 0) {
            output.interrupt();
        }
    }
}
