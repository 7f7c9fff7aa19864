package dev.tinyvm.network;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The tries of one Tiny VM to reach something, one JSON object a line, in two files of bounded size. A line is with the kernel before the next one is made, so that a manager
 * that dies loses none. A Tiny VM that tries a thousand things a second gets {@value #LINES_PER_SECOND} lines of them, and one that tells how many were left out.
 */
final class EgressLog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EgressLog.class);
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final long FILE_BYTES = 1 << 20;
    private static final int LINES_PER_SECOND = 50;
    private static final int BURST = 500;

    private final Path file;
    private long size = -1;
    private double allowance = BURST;
    private long refilledNanos = System.nanoTime();
    private long leftOut;
    private boolean closed;

    EgressLog(Path file) {
        this.file = file;
    }

    synchronized void add(EgressAttempt attempt) {
        if (closed) {
            return;
        }
        long now = System.nanoTime();
        allowance = Math.min(BURST, allowance + (now - refilledNanos) * 1e-9 * LINES_PER_SECOND);
        refilledNanos = now;
        if (allowance < 1) {
            leftOut++;
            return;
        }
        allowance--;
        try {
            if (leftOut > 0) {
                ObjectNode gap = JSON.createObjectNode();
                gap.put("at", attempt.at().toString());
                gap.put("outcome", "left-out");
                gap.put("count", leftOut);
                append(gap);
                leftOut = 0;
            }
            append(json(attempt));
        } catch (IOException e) {
            LOG.warn("could not write the egress log {}: {}", file, e.getMessage());
        }
    }

    /** The last lines, oldest first, as JSON objects. */
    synchronized List<String> last(int most) {
        ArrayDeque<String> lines = new ArrayDeque<>();
        for (Path part : List.of(older(), file)) {
            try {
                for (String line : Files.exists(part) ? Files.readAllLines(part) : List.<String>of()) {
                    if (lines.size() == most) {
                        lines.removeFirst();
                    }
                    parse(line, lines);
                }
            } catch (IOException e) {
                LOG.warn("could not read the egress log {}: {}", part, e.getMessage());
            }
        }
        return new ArrayList<>(lines);
    }

    /** Removes it with its Tiny VM. */
    synchronized void delete() {
        closed = true;
        try {
            Files.deleteIfExists(file);
            Files.deleteIfExists(older());
        } catch (IOException e) {
            LOG.warn("could not remove the egress log {}: {}", file, e.getMessage());
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
    }

    private static void parse(String line, ArrayDeque<String> lines) {
        try {
            lines.add(JSON.readTree(line).toString());
        } catch (JacksonException e) {
            // The last line of a manager that was killed while it wrote: half a line is none.
            LOG.debug("half a line in an egress log");
        }
    }

    private void append(ObjectNode line) throws IOException {
        byte[] bytes = (line + "\n").getBytes(StandardCharsets.UTF_8);
        if (size < 0) {
            Files.createDirectories(parent());
            size = Files.exists(file) ? Files.size(file) : 0;
        }
        if (size + bytes.length > FILE_BYTES) {
            Files.move(file, older(), StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
            size = 0;
        }
        try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            out.write(bytes);
        }
        size += bytes.length;
    }

    private Path parent() {
        Path parent = file.getParent();
        return parent == null ? Path.of(".") : parent;
    }

    private Path older() {
        return file.resolveSibling(file.getFileName() + ".1");
    }

    private static ObjectNode json(EgressAttempt attempt) {
        ObjectNode node = JSON.createObjectNode();
        node.put("at", attempt.at().toString());
        node.put("kind", attempt.kind());
        node.put("outcome", attempt.outcome().name().toLowerCase(Locale.ROOT));
        node.put("destination", attempt.destination());
        if (!attempt.address().isEmpty()) {
            node.put("address", attempt.address());
        }
        if (!attempt.reason().isEmpty()) {
            node.put("reason", attempt.reason());
        }
        if (attempt.outcome() == EgressAttempt.Outcome.CLOSED) {
            node.put("bytesOut", attempt.bytesOut());
            node.put("bytesIn", attempt.bytesIn());
            node.put("millis", attempt.millis());
        }
        return node;
    }

    /** Now, in the resolution of the log. */
    static Instant now() {
        return Instant.now().truncatedTo(java.time.temporal.ChronoUnit.MILLIS);
    }
}
