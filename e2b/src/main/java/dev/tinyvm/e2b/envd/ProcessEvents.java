package dev.tinyvm.e2b.envd;

import dev.tinyvm.e2b.envd.RunningProcess.Listener;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.server.http.JsonBody;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;

/** Writes what a command says as the events of {@code Start} and {@code Connect}. */
final class ProcessEvents {
    private static final byte[] STDOUT = ascii("{\"event\":{\"data\":{\"stdout\":\"");
    private static final byte[] STDERR = ascii("{\"event\":{\"data\":{\"stderr\":\"");
    private static final byte[] PTY = ascii("{\"event\":{\"data\":{\"pty\":\"");
    private static final byte[] CLOSE = ascii("\"}}}");
    private static final String KEEP_ALIVE = "{\"event\":{\"keepalive\":{}}}";
    private static final int SIGKILL = 9;

    private final ConnectStream stream;
    private final RunningProcess process;
    private final boolean killAtTimeout;

    /** @param killAtTimeout whether the client's time limit is the command's too */
    ProcessEvents(ConnectStream stream, RunningProcess process, boolean killAtTimeout) {
        this.stream = stream;
        this.process = process;
        this.killAtTimeout = killAtTimeout;
    }

    /** Until the command's end, the client's time limit, or the client's leaving. */
    void run(Listener listener) throws IOException, InterruptedException {
        stream.send("{\"event\":{\"start\":{\"pid\":" + process.pid() + "}}}");
        stream.flush();
        long began = System.nanoTime();
        while (true) {
            Duration wait = stream.keepAlive();
            if (stream.timeout().isPresent()) {
                Duration left = stream.timeout().get().minusNanos(System.nanoTime() - began);
                if (!left.isPositive()) {
                    timedOut();
                    return;
                }
                wait = left.compareTo(wait) < 0 ? left : wait;
            }
            Optional<Output> output = listener.take(wait);
            if (output.isEmpty()) {
                stream.send(KEEP_ALIVE);
                stream.flush();
            } else if (write(output.get())) {
                return;
            } else if (listener.idle()) {
                stream.flush();
            }
        }
    }

    private void timedOut() throws IOException {
        if (killAtTimeout) {
            process.process().signal(SIGKILL, true);
        }
        stream.end(new ConnectError(ConnectError.Code.DEADLINE_EXCEEDED, "the time limit of the command has passed"));
    }

    private boolean write(Output output) throws IOException {
        switch (output) {
            case Output.Stdout o -> stream.sendBytes(process.terminal() ? PTY : STDOUT, o.bytes(), CLOSE);
            case Output.Stderr o -> stream.sendBytes(STDERR, o.bytes(), CLOSE);
            case Output.Exited o -> {
                stream.send(end(o).bytes());
                stream.end();
                return true;
            }
            case Output.Lost o ->
                // The sandbox is gone: an answer that breaks off makes the SDKs ask /health, which says so.
                throw new IOException("the sandbox ended: " + o.reason());
        }
        return false;
    }

    /** As Go words it, since envd is written in it. */
    static JsonBody end(Output.Exited exited) {
        boolean signalled = exited.signal() != 0;
        String status = signalled ? "signal: " + signalName(exited.signal()) : "exit status " + exited.exitCode();
        return g -> {
            g.writeStartObject();
            g.writeObjectPropertyStart("event");
            g.writeObjectPropertyStart("end");
            g.writeNumberProperty("exitCode", signalled ? -1 : exited.exitCode());
            g.writeBooleanProperty("exited", !signalled);
            g.writeStringProperty("status", status);
            if (signalled || exited.exitCode() != 0) {
                g.writeStringProperty("error", status);
            }
            g.writeEndObject();
            g.writeEndObject();
            g.writeEndObject();
        };
    }

    private static String signalName(int signal) {
        return switch (signal) {
            case 1 -> "hangup";
            case 2 -> "interrupt";
            case 3 -> "quit";
            case 4 -> "illegal instruction";
            case 5 -> "trace/breakpoint trap";
            case 6 -> "aborted";
            case 7 -> "bus error";
            case 8 -> "floating point exception";
            case 9 -> "killed";
            case 10 -> "user defined signal 1";
            case 11 -> "segmentation fault";
            case 12 -> "user defined signal 2";
            case 13 -> "broken pipe";
            case 14 -> "alarm clock";
            case 15 -> "terminated";
            default -> "signal " + signal;
        };
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
