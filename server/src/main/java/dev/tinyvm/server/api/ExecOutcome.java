package dev.tinyvm.server.api;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output.Exited;
import dev.tinyvm.engine.GuestProcess.Output.Lost;
import dev.tinyvm.engine.GuestProcess.Output.Stderr;
import dev.tinyvm.engine.GuestProcess.Output.Stdout;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonBody;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import tools.jackson.core.JsonGenerator;

/** A command that was run to its end, and what it said up to a bound. */
final class ExecOutcome implements JsonBody {
    private static final int SIGKILL = 9;
    /** After SIGKILL: a process of a paused VM ends only when that is resumed, and nobody waits for that. */
    private static final int END_AFTER_KILL_SECONDS = 10;

    private static final ScheduledThreadPoolExecutor DEADLINES = deadlines();

    /** Keeps so much and counts the rest. */
    private static final class Kept {
        final ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        final int limit;
        boolean truncated;

        Kept(int limit) {
            this.limit = limit;
        }

        void add(byte[] more) {
            int room = limit - bytes.size();
            if (more.length > room) {
                truncated = true;
            }
            bytes.write(more, 0, Math.min(room, more.length));
        }
    }

    private final Kept stdout;
    private final Kept stderr;
    private final Exited end;
    private final boolean timedOut;

    private ExecOutcome(Kept stdout, Kept stderr, Exited end, boolean timedOut) {
        this.stdout = stdout;
        this.stderr = stderr;
        this.end = end;
        this.timedOut = timedOut;
    }

    /** Feeds and drains it; kills its group when the time is up. Output beyond the bound is read and dropped, so that it never stalls. */
    static ExecOutcome collect(GuestProcess process, byte[] input, Duration timeout, int keepBytes)
            throws InterruptedException {
        AtomicBoolean timedOut = new AtomicBoolean();
        Thread caller = Thread.currentThread();
        ScheduledFuture<?> deadline = DEADLINES.schedule(
                () -> Thread.ofVirtual().start(() -> expire(process, timedOut)),
                timeout.toMillis(),
                TimeUnit.MILLISECONDS);
        ScheduledFuture<?> giveUp = DEADLINES.schedule(
                caller::interrupt, timeout.toSeconds() + END_AFTER_KILL_SECONDS + 1, TimeUnit.SECONDS);
        try {
            if (input.length > 0) {
                Thread.ofVirtual().name("tinyvm-exec-stdin").start(() -> feed(process, input));
            }
            Kept stdout = new Kept(keepBytes);
            Kept stderr = new Kept(keepBytes);
            while (true) {
                switch (process.next()) {
                    case Stdout(long offset, byte[] bytes) -> {
                        stdout.add(bytes);
                        process.acknowledge(offset + bytes.length, 0);
                    }
                    case Stderr(long offset, byte[] bytes) -> {
                        stderr.add(bytes);
                        process.acknowledge(0, offset + bytes.length);
                    }
                    case Exited exited -> {
                        return new ExecOutcome(stdout, stderr, exited, timedOut.get());
                    }
                    case Lost(String reason) -> throw HttpError.of(410, "gone", reason, "");
                }
            }
        } catch (InterruptedException e) {
            if (!timedOut.get()) {
                throw e;
            }
            throw HttpError.of(
                    504,
                    "timeout",
                    "the command was killed after " + timeout.toMillis()
                            + " ms and has not ended; its VM may be paused",
                    "resume the VM");
        } finally {
            deadline.cancel(false);
            giveUp.cancel(false);
        }
    }

    @Override
    public void write(JsonGenerator g) {
        g.writeStartObject();
        g.writeNumberProperty("exitCode", end.exitCode());
        g.writeNumberProperty("signal", end.signal());
        output(g, "stdout", stdout);
        output(g, "stderr", stderr);
        g.writeBooleanProperty("timedOut", timedOut);
        g.writeNumberProperty("cpuMicros", end.cpuMicros());
        g.writeNumberProperty("maxRssBytes", end.maxRssBytes());
        g.writeEndObject();
    }

    private static void output(JsonGenerator g, String name, Kept kept) {
        byte[] bytes = kept.bytes.toByteArray();
        int length = kept.truncated ? wholeCharacters(bytes) : bytes.length;
        try {
            g.writeStringProperty(
                    name,
                    StandardCharsets.UTF_8
                            .newDecoder()
                            .decode(ByteBuffer.wrap(bytes, 0, length))
                            .toString());
            g.writeStringProperty(name + "Encoding", "utf-8");
        } catch (CharacterCodingException e) {
            g.writeStringProperty(name, Base64.getEncoder().encodeToString(bytes));
            g.writeStringProperty(name + "Encoding", "base64");
        }
        g.writeBooleanProperty(name + "Truncated", kept.truncated);
    }

    /** Without a character of UTF-8 that the bound has cut in two. */
    private static int wholeCharacters(byte[] bytes) {
        int start = bytes.length;
        while (start > 0 && bytes.length - start < 3 && (bytes[start - 1] & 0xc0) == 0x80) {
            start--;
        }
        if (start == 0 || (bytes[start - 1] & 0xc0) != 0xc0) {
            return bytes.length;
        }
        int lead = bytes[start - 1] & 0xff;
        int needed = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        return bytes.length - start + 1 < needed ? start - 1 : bytes.length;
    }

    private static ScheduledThreadPoolExecutor deadlines() {
        ScheduledThreadPoolExecutor executor = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().daemon().name("tinyvm-exec-deadlines").factory());
        executor.setRemoveOnCancelPolicy(true);
        return executor;
    }

    private static void expire(GuestProcess process, AtomicBoolean timedOut) {
        timedOut.set(true);
        try {
            process.signal(SIGKILL, true);
        } catch (EngineException e) {
            // It has just ended: next() says how.
        }
    }

    private static void feed(GuestProcess process, byte[] input) {
        try {
            process.writeStdin(input, 0, input.length);
            process.closeStdin();
        } catch (EngineException e) {
            // It ended, or closed its input, without reading all of it: its own affair.
        }
    }
}
