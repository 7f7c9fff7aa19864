package dev.tinyvm.e2b.code;

import dev.tinyvm.e2b.E2bError;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.server.http.JsonBody;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A kernel and what it was made with. Cells run one after another, in the order in which they came: the lock is fair and held while a cell runs. The kernel is started
 * with the first cell, and anew after its end.
 */
final class CodeContext {
    private static final JsonMapper JSON = JsonMapper.shared();
    /** How often a silent answer shows that it lives; the writing fails when the client has left. */
    private static final Duration KEEP_ALIVE = Duration.ofSeconds(5);
    /** How long an interrupted cell has to end before its kernel is killed. */
    private static final Duration INTERRUPT_GRACE = Duration.ofSeconds(5);

    private static final byte[] KEEP_ALIVE_LINE = "{\"type\":\"keepalive\"}\n".getBytes(StandardCharsets.US_ASCII);

    private final String id;
    private final Manager manager;
    private final String sandboxId;
    private final Language language;
    private final String workingDir;
    private final ReentrantLock turn = new ReentrantLock(true);
    private volatile @Nullable Kernel kernel;

    CodeContext(String id, Manager manager, String sandboxId, Language language, String workingDir) {
        this.id = id;
        this.manager = manager;
        this.sandboxId = sandboxId;
        this.language = language;
        this.workingDir = workingDir;
    }

    String id() {
        return id;
    }

    Language language() {
        return language;
    }

    String workingDir() {
        return workingDir;
    }

    /** Forgets all names; a cell that runs ends. */
    void restart() {
        Kernel running = kernel;
        if (running != null) {
            kernel = null;
            running.close();
        }
    }

    /** Runs a cell and writes what it says as lines of JSON. */
    void execute(String code, Map<String, String> env, OutputStream out) throws IOException, InterruptedException {
        turn.lockInterruptibly();
        try {
            Kernel running = kernel;
            if (running == null || running.over()) {
                running = Kernel.start(manager, sandboxId, language, workingDir);
                kernel = running;
            }
            JsonBody request = g -> {
                g.writeStartObject();
                g.writeStringProperty("code", code);
                g.writeObjectPropertyStart("env");
                env.forEach(g::writeStringProperty);
                g.writeEndObject();
                g.writeEndObject();
            };
            try {
                running.send(request.bytes());
            } catch (RuntimeException e) {
                // It has ended; why stands among its lines.
            }
            try {
                pass(running, out);
            } catch (IOException e) {
                stop(running);
                throw e;
            }
        } finally {
            turn.unlock();
        }
    }

    private void pass(Kernel running, OutputStream out) throws IOException, InterruptedException {
        while (true) {
            Optional<Kernel.Line> line = running.take(KEEP_ALIVE);
            if (line.isEmpty()) {
                if (kernel != running) {
                    write(out, error("KernelRestarted", "the context was restarted while the cell ran"));
                    return;
                }
                out.write(KEEP_ALIVE_LINE);
                out.flush();
                continue;
            }
            switch (line.get()) {
                case Kernel.Event event -> {
                    String type = type(event.json());
                    if (type.equals("done")) {
                        return;
                    }
                    if (!type.equals("ready")) {
                        out.write((event.json() + "\n").getBytes(StandardCharsets.UTF_8));
                    }
                }
                case Kernel.Stray stray ->
                    write(out, g -> {
                        g.writeStartObject();
                        g.writeStringProperty("type", stray.stream());
                        g.writeStringProperty("text", stray.text());
                        g.writeEndObject();
                    });
                case Kernel.Ended ended -> {
                    kernel = null;
                    if (ended.lost()) {
                        throw new IOException("the sandbox ended: " + ended.reason());
                    }
                    write(out, error("KernelEnded", ended.reason() + "; the next cell starts a new one"));
                    return;
                }
            }
            if (running.idle()) {
                out.flush();
            }
        }
    }

    /** The client has left: its cell is interrupted, and its kernel killed when that does not help. */
    private void stop(Kernel running) throws InterruptedException {
        running.interrupt();
        long giveUp = System.nanoTime() + INTERRUPT_GRACE.toNanos();
        while (System.nanoTime() < giveUp) {
            Optional<Kernel.Line> line = running.take(Duration.ofMillis(200));
            if (line.isPresent()
                    && (line.get() instanceof Kernel.Ended
                            || (line.get() instanceof Kernel.Event event
                                    && type(event.json()).equals("done")))) {
                return;
            }
        }
        restart();
    }

    private static String type(String json) {
        try {
            JsonNode node = JSON.readTree(json);
            return node.path("type").asString("");
        } catch (tools.jackson.core.JacksonException e) {
            throw new E2bError(502, "the kernel in the sandbox sent something that is not JSON");
        }
    }

    private static JsonBody error(String name, String value) {
        return g -> {
            g.writeStartObject();
            g.writeStringProperty("type", "error");
            g.writeStringProperty("name", name);
            g.writeStringProperty("value", value);
            g.writeStringProperty("traceback", name + ": " + value);
            g.writeEndObject();
        };
    }

    private static void write(OutputStream out, JsonBody line) throws IOException {
        out.write(line.bytes());
        out.write('\n');
    }
}
