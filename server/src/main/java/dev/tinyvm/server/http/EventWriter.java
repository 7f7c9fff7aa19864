package dev.tinyvm.server.http;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * Server-sent events (WHATWG HTML, section 9.2). Buffered: {@link #flush} when there is nothing more to send at present. A comment every {@link #KEEP_ALIVE} shows that the
 * stream lives, and lets a write fail when nobody is there any more. The last event of a stream that is complete is {@code end}.
 */
public final class EventWriter implements AutoCloseable {
    public static final String TYPE = "text/event-stream";
    public static final Duration KEEP_ALIVE = Duration.ofSeconds(15);
    private static final int BUFFER_BYTES = 32 << 10;
    private static final byte[] COMMENT = ":\n\n".getBytes(StandardCharsets.US_ASCII);
    private final OutputStream raw;
    private final BufferedOutputStream out;

    public EventWriter(Call call) throws IOException {
        call.header("Cache-Control", "no-store");
        call.header("X-Accel-Buffering", "no");
        raw = call.stream(200, TYPE);
        out = new BufferedOutputStream(raw, BUFFER_BYTES);
        // The header and a first sign of life: the client knows that it is being served.
        out.write(COMMENT);
        flush();
    }

    /** @param id empty: none @param event empty: the default type, {@code message} */
    public void send(String id, String event, JsonBody data) throws IOException {
        if (!id.isEmpty()) {
            ascii("id: " + id + "\n");
        }
        if (!event.isEmpty()) {
            ascii("event: " + event + "\n");
        }
        ascii("data: ");
        out.write(data.bytes());
        ascii("\n\n");
    }

    public void keepAlive() throws IOException {
        out.write(COMMENT);
        flush();
    }

    public void flush() throws IOException {
        out.flush();
        raw.flush();
    }

    /** The stream is complete. */
    public void end() throws IOException {
        ascii("event: end\ndata: {}\n\n");
        flush();
    }

    @Override
    public void close() throws IOException {
        out.flush();
        raw.close();
    }

    private void ascii(String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.US_ASCII));
    }
}
