package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.wasm.web.WebException;
import dev.tinyvm.engine.wasm.web.WebExchange;
import dev.tinyvm.engine.wasm.web.WebRequest;
import dev.tinyvm.engine.wasm.web.WebRequest.Header;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * HTTP exchanges of a JavaScript agent. Its thread starts steps, which run on virtual threads and leave an event when they are done; the event
 * loop hands events to the script. A script reads an answer part by part, so that no more than one part waits here.
 */
final class JsWeb {
    private static final int PART_BYTES = 32 << 10;

    private final GuestContext guest;
    private final ConcurrentLinkedQueue<Event> events = new ConcurrentLinkedQueue<>();
    private final AtomicInteger underWay = new AtomicInteger();

    JsWeb(GuestContext guest) {
        this.guest = guest;
    }

    /** Begins an exchange. @param headers lines of name and value in turn @return its number */
    int fetch(String method, String url, String headers, byte[] body) throws WebException {
        WebRequest request = WebRequest.of(method, url, headers(headers), body);
        GuestWeb web = guest.web();
        int number = web.make();
        // Until it is sent the body is on the heap that all guests share.
        if (!guest.machine().memory().take(body.length)) {
            web.close(number);
            throw new WebException(
                    "ENOMEM", "the body's " + body.length + " bytes are more than the memory limit leaves");
        }
        start(number, () -> {
            WebExchange exchange;
            try {
                exchange = web.open(number, request);
            } finally {
                guest.machine().memory().giveBack(body.length);
            }
            StringBuilder head = new StringBuilder(exchange.reason());
            exchange.headers()
                    .forEach(
                            h -> head.append('\n').append(h.name()).append('\n').append(h.value()));
            return new Event(number, "head", exchange.status(), head.toString(), null);
        });
        return number;
    }

    /** Asks for the next part of the answer's body. */
    void read(int number) throws WebException {
        WebExchange exchange = guest.web().require(number);
        start(number, () -> {
            byte[] part = exchange.read(PART_BYTES);
            if (part.length == 0) {
                guest.web().close(number);
                return new Event(number, "end", 0, "", null);
            }
            return new Event(number, "part", 0, "", part);
        });
    }

    void close(int number) {
        guest.web().close(number);
    }

    /** Whether an event is there or will come. */
    boolean pending() {
        return underWay.get() > 0;
    }

    /** Waits for an event. @param nanos at most; Long.MAX_VALUE: as long as it takes */
    void await(long nanos) {
        guest.process().await(() -> !events.isEmpty(), nanos);
    }

    /** The next event; null when there is none now. */
    @Nullable
    Event next() {
        Event event = events.poll();
        if (event != null) {
            underWay.decrementAndGet();
        }
        return event;
    }

    private void start(int number, Step step) {
        underWay.incrementAndGet();
        Thread.ofVirtual().name("wasm-web-" + guest.machine().id()).start(() -> {
            Event event;
            try {
                event = step.run();
            } catch (WebException e) {
                guest.web().close(number);
                event = new Event(number, "error", 0, e.code() + "\n" + e.getMessage(), null);
            } catch (RuntimeException e) {
                guest.web().close(number);
                event = new Event(number, "error", 0, "EPROTO\nthe exchange failed: " + e.getMessage(), null);
            }
            events.add(event);
            guest.process().wake();
        });
    }

    private static List<Header> headers(String lines) throws WebException {
        List<Header> headers = new ArrayList<>();
        if (!lines.isEmpty()) {
            String[] all = lines.split("\n", -1);
            if (all.length % 2 != 0) {
                throw new WebException("EINVAL", "a header contains a line break");
            }
            for (int i = 0; i < all.length; i += 2) {
                headers.add(new Header(all[i], all[i + 1]));
            }
        }
        return headers;
    }

    /**
     * What happened to an exchange.
     *
     * @param kind {@code head}, {@code part}, {@code end} or {@code error}
     * @param text of a head: reason, then header lines; of an error: code and message
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Event(int number, String kind, int status, String text, byte @Nullable [] bytes) {}

    @FunctionalInterface
    private interface Step {
        Event run() throws WebException;
    }
}
