package dev.tinyvm.e2b.proxy;

import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.server.http.JsonBody;
import java.nio.charset.StandardCharsets;

/** What a client gets for a sandbox that is not there or a port on which nothing listens: 502, as JSON or, for a browser, as a page. */
public final class Unreachable {
    private static final int STATUS = 502;

    private Unreachable() {}

    public static void noSandbox(Exchange exchange, String sandboxId) {
        answer(exchange, sandboxId, 0, "The sandbox was not found", "Sandbox Not Found");
    }

    public static void paused(Exchange exchange, String sandboxId) {
        answer(exchange, sandboxId, 0, "The sandbox is paused; connect to it to resume it", "Sandbox Paused");
    }

    public static void closedPort(Exchange exchange, String sandboxId, int port) {
        answer(exchange, sandboxId, port, "The sandbox is running but port is not open", "Closed Port Error");
    }

    private static void answer(Exchange exchange, String sandboxId, int port, String message, String title) {
        if (exchange.header("User-Agent").startsWith("Mozilla/")) {
            String where = port == 0 ? "" : " (port " + port + ")";
            String page = """
                    <!doctype html>
                    <html lang="en"><head><meta charset="utf-8"><title>%s</title></head>
                    <body><h1>%s</h1><p>Sandbox <code>%s</code>: %s%s.</p></body></html>
                    """.formatted(title, title, plain(sandboxId), message, where);
            exchange.bytes(STATUS, "text/html; charset=utf-8", page.getBytes(StandardCharsets.UTF_8));
            return;
        }
        JsonBody body = g -> {
            g.writeStartObject();
            g.writeStringProperty("sandboxId", sandboxId);
            g.writeStringProperty("message", message);
            if (port != 0) {
                g.writeNumberProperty("port", port);
            }
            g.writeNumberProperty("code", STATUS);
            g.writeEndObject();
        };
        exchange.json(STATUS, body);
    }

    /** Ids are letters and digits; whatever else was sent is not repeated on a page. */
    private static String plain(String id) {
        return id.matches("[a-zA-Z0-9-]{1,80}") ? id : "?";
    }
}
