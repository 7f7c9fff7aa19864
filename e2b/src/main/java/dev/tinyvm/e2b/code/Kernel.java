package dev.tinyvm.e2b.code;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.manager.Manager;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A process in the sandbox that runs cells and keeps their names. One virtual thread reads it and queues its lines; when nobody takes them the process stalls. The one
 * who runs a cell takes them.
 */
final class Kernel implements AutoCloseable {
    /** Commands with this tag are the door's own and not shown to users. */
    static final String TAG = "tinyvm-kernel";

    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int QUEUE = 256;
    private static final int MAX_LINE_BYTES = 64 << 20;
    private static final long ACKNOWLEDGE_BYTES = 32 << 10;
    private static final int SIGINT = 2;
    private static final int SIGKILL = 9;

    private final GuestProcess process;
    private final byte[] mark;
    private final ArrayBlockingQueue<Line> lines = new ArrayBlockingQueue<>(QUEUE);
    private volatile boolean closed;

    /** What comes from a kernel. */
    sealed interface Line {}

    /** One of its events, as JSON. */
    record Event(String json) implements Line {}

    /** Something that got onto its output without being an event. */
    record Stray(String stream, String text) implements Line {}

    /** @param lost whether the whole sandbox is gone */
    record Ended(boolean lost, String reason) implements Line {}

    private Kernel(GuestProcess process, String mark) {
        this.process = process;
        this.mark = mark.getBytes(StandardCharsets.US_ASCII);
    }

    static Kernel start(Manager manager, String sandboxId, Language language, String workingDir) {
        byte[] random = new byte[12];
        RANDOM.nextBytes(random);
        String mark = "tinyvm:" + HexFormat.of().formatHex(random) + ":";
        GuestProcess process = manager.exec(
                sandboxId,
                new ExecRequest(language.command(mark), Map.of(), workingDir, "user", Optional.empty(), true, TAG));
        Kernel kernel = new Kernel(process, mark);
        Thread.ofVirtual().name("e2b-kernel-" + process.pid()).start(kernel::pump);
        return kernel;
    }

    /** Gives it one line of JSON. */
    void send(byte[] json) {
        byte[] line = java.util.Arrays.copyOf(json, json.length + 1);
        line[json.length] = '\n';
        process.writeStdin(line, 0, line.length);
    }

    /** What comes next; empty when nothing came in that time. */
    Optional<Line> take(Duration timeout) throws InterruptedException {
        return Optional.ofNullable(lines.poll(timeout.toNanos(), TimeUnit.NANOSECONDS));
    }

    /** Whether it has ended while nobody listened. */
    boolean over() {
        return lines.peek() instanceof Ended;
    }

    boolean idle() {
        return lines.isEmpty();
    }

    /** Stops the cell that runs. */
    void interrupt() {
        process.signal(SIGINT, true);
    }

    @Override
    public void close() {
        closed = true;
        lines.clear();
        process.signal(SIGKILL, true);
    }

    private void pump() {
        ByteArrayOutputStream stdout = new ByteArrayOutputStream();
        long out = 0;
        long err = 0;
        long acknowledged = 0;
        try (process) {
            while (!closed) {
                switch (process.next()) {
                    case Output.Stdout o -> {
                        out = o.offset() + o.bytes().length;
                        split(o.bytes(), stdout);
                    }
                    case Output.Stderr o -> {
                        err = o.offset() + o.bytes().length;
                        put(new Stray("stderr", new String(o.bytes(), StandardCharsets.UTF_8)));
                    }
                    case Output.Exited o -> {
                        put(new Ended(false, "the kernel ended with status " + o.shellStatus()));
                        return;
                    }
                    case Output.Lost o -> {
                        put(new Ended(true, o.reason()));
                        return;
                    }
                }
                if (out + err - acknowledged >= ACKNOWLEDGE_BYTES) {
                    process.acknowledge(out, err);
                    acknowledged = out + err;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            lines.offer(new Ended(true, String.valueOf(e.getMessage())));
        }
    }

    private void split(byte[] bytes, ByteArrayOutputStream line) throws InterruptedException {
        int start = 0;
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == '\n') {
                line.write(bytes, start, i - start);
                start = i + 1;
                put(line(line.toByteArray()));
                line.reset();
            }
        }
        line.write(bytes, start, bytes.length - start);
        if (line.size() > MAX_LINE_BYTES) {
            line.reset();
            put(new Stray("stderr", "a result larger than " + (MAX_LINE_BYTES >> 20) + " MiB was dropped\n"));
        }
    }

    private Line line(byte[] bytes) {
        boolean event =
                bytes.length >= mark.length && java.util.Arrays.equals(bytes, 0, mark.length, mark, 0, mark.length);
        return event
                ? new Event(new String(bytes, mark.length, bytes.length - mark.length, StandardCharsets.UTF_8))
                : new Stray("stdout", new String(bytes, StandardCharsets.UTF_8) + "\n");
    }

    private void put(Line line) throws InterruptedException {
        while (!closed && !lines.offer(line, 1, TimeUnit.SECONDS)) {
            // Nobody takes: the kernel waits.
        }
    }
}
