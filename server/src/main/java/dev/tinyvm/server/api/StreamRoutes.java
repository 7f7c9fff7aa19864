package dev.tinyvm.server.api;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.Manager.Event;
import dev.tinyvm.manager.Manager.EventStream;
import dev.tinyvm.manager.Manager.LogLine;
import dev.tinyvm.manager.Manager.LogQuery;
import dev.tinyvm.manager.Manager.LogStream;
import dev.tinyvm.server.http.Call;
import dev.tinyvm.server.http.EventWriter;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonBody;
import dev.tinyvm.server.http.Route;
import dev.tinyvm.server.http.Router;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Optional;

/** What goes on for as long as the client likes: logs, events, port tunnels, foreground VMs. */
final class StreamRoutes {
    private static final int MAX_TAIL = 1_000_000;
    private static final int MAX_PORT = 65_535;
    private final Manager manager;

    StreamRoutes(Manager manager) {
        this.manager = manager;
    }

    void mount(Router router, String base) {
        router.add(Route.stream(base + "/vms/{vm}/logs", this::logs));
        router.add(Route.stream(base + "/events", this::events));
        router.add(Route.stream(base + "/vms/{vm}/ports/{port}", this::port));
        router.add(Route.stream(
                base + "/run", call -> call.upgrade(new RunSocket(manager, call.requestId(), call.caller()))));
    }

    private void logs(Call call) throws IOException, InterruptedException {
        int tail = (int) call.number("tail", 0, MAX_TAIL, -1);
        boolean follow = call.flag("follow", false);
        Optional<Instant> since = call.query("since").map(StreamRoutes::instant);
        String accept = call.requestHeader("Accept");
        try (LogStream lines = manager.logs(call.variable("vm"), new LogQuery(tail, since, follow))) {
            if (follow || accept.contains(EventWriter.TYPE)) {
                sendEvents(call, lines);
            } else {
                sendLines(call, lines, accept.contains("text/plain"));
            }
        }
    }

    private static void sendEvents(Call call, LogStream lines) throws IOException, InterruptedException {
        try (EventWriter events = new EventWriter(call)) {
            while (true) {
                Optional<LogLine> line = lines.next(Duration.ZERO);
                if (line.isEmpty()) {
                    if (lines.ended()) {
                        break;
                    }
                    events.flush();
                    line = lines.next(EventWriter.KEEP_ALIVE);
                }
                if (line.isPresent()) {
                    events.send("", "", json(line.get()));
                } else if (!lines.ended()) {
                    events.keepAlive();
                }
            }
            events.end();
        }
    }

    /** Text is for people: the lines as they were written. NDJSON tells the streams apart. */
    private static void sendLines(Call call, LogStream lines, boolean plain) throws IOException, InterruptedException {
        OutputStream raw = call.stream(200, plain ? "text/plain; charset=utf-8" : "application/x-ndjson");
        // Closed only when complete: an answer that broke off must not look like a whole one.
        BufferedOutputStream out = new BufferedOutputStream(raw, 32 << 10);
        while (true) {
            Optional<LogLine> line = lines.next(Duration.ofSeconds(1));
            if (line.isPresent()) {
                out.write(
                        plain
                                ? line.get().text().getBytes(StandardCharsets.UTF_8)
                                : json(line.get()).bytes());
                out.write('\n');
            } else if (lines.ended()) {
                out.close();
                return;
            }
        }
    }

    private static JsonBody json(LogLine line) {
        return g -> {
            g.writeStartObject();
            g.writeStringProperty("at", line.at().toString());
            g.writeStringProperty("stream", line.stream());
            g.writeStringProperty("text", line.text());
            g.writeEndObject();
        };
    }

    private void events(Call call) throws IOException, InterruptedException {
        long after = call.number("after", 0, Long.MAX_VALUE, 0);
        boolean follow = call.flag("follow", false);
        String lastId = call.requestHeader("Last-Event-ID");
        if (!lastId.isEmpty()) {
            try {
                after = Long.parseLong(lastId);
            } catch (NumberFormatException e) {
                throw HttpError.invalid("Last-Event-ID must be a number");
            }
        }
        try (EventStream stream = manager.events(after, follow);
                EventWriter events = new EventWriter(call)) {
            while (true) {
                Optional<Event> event = stream.next(Duration.ZERO);
                if (event.isEmpty()) {
                    if (stream.ended()) {
                        break;
                    }
                    events.flush();
                    event = stream.next(EventWriter.KEEP_ALIVE);
                }
                if (event.isPresent()) {
                    events.send(Long.toString(event.get().sequence()), "", json(event.get()));
                } else if (!stream.ended()) {
                    events.keepAlive();
                }
            }
            events.end();
        }
    }

    private static JsonBody json(Event event) {
        return g -> {
            g.writeStartObject();
            g.writeNumberProperty("sequence", event.sequence());
            g.writeStringProperty("at", event.at().toString());
            g.writeStringProperty("type", event.type());
            g.writeStringProperty("vmId", event.vmId());
            g.writeStringProperty("vmName", event.vmName());
            g.writeStringProperty("agent", event.agent());
            g.writeStringProperty("message", event.message());
            VmJson.textMap(g, "attributes", event.attributes());
            g.writeEndObject();
        };
    }

    private void port(Call call) {
        call.requireUpgrade();
        int port;
        try {
            port = Integer.parseInt(call.variable("port"));
        } catch (NumberFormatException e) {
            port = 0;
        }
        if (port < 1 || port > MAX_PORT) {
            throw HttpError.invalid("a port is a number from 1 to " + MAX_PORT);
        }
        GuestConnection connection = manager.dial(call.variable("vm"), port);
        boolean upgraded = false;
        try {
            call.upgrade(new PortSocket(connection));
            upgraded = true;
        } finally {
            if (!upgraded) {
                connection.close();
            }
        }
    }

    private static Instant instant(String text) {
        return instant("since", text);
    }

    static Instant instant(String parameter, String text) {
        try {
            return Instant.parse(text);
        } catch (DateTimeParseException e) {
            throw HttpError.invalid(
                    "the query parameter '" + parameter + "' must be a time such as 2026-01-31T12:00:00Z");
        }
    }
}
