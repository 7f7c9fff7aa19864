package dev.tinyvm.e2b.control;

import dev.tinyvm.e2b.E2bError;
import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.e2b.Sandbox;
import dev.tinyvm.e2b.Sandboxes;
import dev.tinyvm.manager.Manager.LogLine;
import dev.tinyvm.manager.Manager.LogQuery;
import dev.tinyvm.manager.Manager.LogStream;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JsonGenerator;

/** What the manager has logged of a sandbox, in E2B's two shapes. Output of commands is not logged: it goes to whoever runs them. */
final class SandboxLogs {
    private static final int MAX_LINES = 1000;
    private final Sandboxes sandboxes;

    SandboxLogs(Sandboxes sandboxes) {
        this.sandboxes = sandboxes;
    }

    void serve(Exchange exchange, String version, Sandbox sandbox) {
        Optional<Instant> since =
                exchange.query(version.equals("v1") ? "start" : "cursor").map(SandboxLogs::millis);
        int limit = exchange.query("limit").map(SandboxLogs::limit).orElse(MAX_LINES);
        boolean backward =
                exchange.query("direction").filter("backward"::equals).isPresent();
        List<LogLine> lines = read(sandbox, since, limit);
        exchange.json(200, g -> {
            g.writeStartObject();
            g.writeArrayPropertyStart("logs");
            for (LogLine line : backward ? lines.reversed() : lines) {
                if (version.equals("v1")) {
                    g.writeStartObject();
                    g.writeStringProperty("timestamp", line.at().toString());
                    g.writeStringProperty("line", line.text());
                    g.writeEndObject();
                } else {
                    entry(g, line);
                }
            }
            g.writeEndArray();
            if (version.equals("v1")) {
                g.writeArrayPropertyStart("logEntries");
                lines.forEach(line -> entry(g, line));
                g.writeEndArray();
            }
            g.writeEndObject();
        });
    }

    private List<LogLine> read(Sandbox sandbox, Optional<Instant> since, int limit) {
        List<LogLine> lines = new ArrayList<>();
        try (LogStream stream = sandboxes.manager().logs(sandbox.id(), new LogQuery(limit, since, false))) {
            while (lines.size() < limit) {
                Optional<LogLine> line = stream.next(Duration.ofSeconds(10));
                if (line.isEmpty()) {
                    break;
                }
                lines.add(line.get());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new E2bError(503, "the manager stops");
        }
        return lines;
    }

    private static void entry(JsonGenerator g, LogLine line) {
        g.writeStartObject();
        g.writeStringProperty("timestamp", line.at().toString());
        g.writeStringProperty("level", line.stream().equals("stderr") ? "warn" : "info");
        g.writeStringProperty("message", line.text());
        g.writeObjectPropertyStart("fields");
        for (Map.Entry<String, String> field : Map.of("stream", line.stream()).entrySet()) {
            g.writeStringProperty(field.getKey(), field.getValue());
        }
        g.writeEndObject();
        g.writeEndObject();
    }

    private static Instant millis(String text) {
        try {
            return Instant.ofEpochMilli(Long.parseLong(text));
        } catch (NumberFormatException e) {
            throw new E2bError(400, "start and cursor must be times in milliseconds since 1970");
        }
    }

    private static int limit(String text) {
        try {
            return Math.clamp(Integer.parseInt(text), 1, MAX_LINES);
        } catch (NumberFormatException e) {
            throw new E2bError(400, "limit must be a whole number");
        }
    }
}
