package dev.tinyvm.sdk;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Items that the manager sends one after another (log lines, events, file changes), read from server-sent events. For one consumer. The end is known only when the manager said so: a
 * connection that breaks, or is silent for a minute (the manager sends a sign of life every 15 s), throws {@link TinyVmConnectionException}.
 */
public final class ItemStream<T> implements Iterator<T>, AutoCloseable {
    private static final int READ_AHEAD = 1024;

    private sealed interface Signal<T> {
        record Item<T>(T value) implements Signal<T> {}

        record End<T>() implements Signal<T> {}

        record Failed<T>(RuntimeException cause) implements Signal<T> {}

        record Alive<T>() implements Signal<T> {}
    }

    private final Transport transport;
    private final InputStream body;
    private final Function<JsonNode, T> decode;
    private final LinkedBlockingQueue<Signal<T>> signals = new LinkedBlockingQueue<>(READ_AHEAD);
    private final Thread reader;
    private long heardNanos = System.nanoTime();
    private volatile boolean closed;
    private boolean ended;
    private @Nullable T peeked;

    ItemStream(Transport transport, InputStream body, Function<JsonNode, T> decode) {
        this.transport = transport;
        this.body = body;
        this.decode = decode;
        this.reader = Thread.ofVirtual().name("tinyvm-sdk-items").start(this::read);
    }

    /** Waits for the next item, at most so long; empty: nothing came, or the end when {@link #ended}. */
    public Optional<T> next(Duration timeout) throws InterruptedException {
        if (peeked != null) {
            T item = peeked;
            peeked = null;
            return Optional.of(item);
        }
        Duration silence = transport.liveness().silence();
        long deadline = System.nanoTime() + timeout.toNanos();
        while (!ended) {
            long now = System.nanoTime();
            long silent = heardNanos + silence.toNanos() - now;
            if (silent <= 0) {
                close();
                throw transport.broken(new IOException("nothing was heard for " + silence.toSeconds() + " s"));
            }
            Signal<T> signal = signals.poll(Math.max(0, Math.min(deadline - now, silent)), TimeUnit.NANOSECONDS);
            if (signal == null) {
                if (deadline - System.nanoTime() <= 0) {
                    return Optional.empty();
                }
                continue;
            }
            heardNanos = System.nanoTime();
            switch (signal) {
                case Signal.Item<T>(T value) -> {
                    return Optional.of(value);
                }
                case Signal.End<T> end -> ended = true;
                case Signal.Failed<T>(RuntimeException cause) -> {
                    ended = true;
                    throw cause;
                }
                case Signal.Alive<T> alive -> {}
            }
        }
        return Optional.empty();
    }

    /** Whether the manager said that no more will come, or this was closed. */
    public boolean ended() {
        return ended;
    }

    /** Waits, as long as it takes, until there is another or the end is known. */
    @Override
    public boolean hasNext() {
        try {
            while (peeked == null && !ended) {
                peeked = next(Duration.ofSeconds(10)).orElse(null);
            }
        } catch (InterruptedException e) {
            throw Transport.interrupted(e);
        }
        return peeked != null;
    }

    @Override
    public T next() {
        if (!hasNext() || peeked == null) {
            throw new NoSuchElementException("the stream has ended");
        }
        T item = peeked;
        peeked = null;
        return item;
    }

    @Override
    public void close() {
        closed = true;
        ended = true;
        reader.interrupt();
        try {
            body.close();
        } catch (IOException e) {
            // The connection is broken already, which is as good as closed.
        }
    }

    private void read() {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8))) {
            String type = "";
            StringBuilder data = new StringBuilder();
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.isEmpty()) {
                    if (type.equals("end")) {
                        signals.put(new Signal.End<>());
                        return;
                    }
                    if (type.equals("error")) {
                        signals.put(new Signal.Failed<>(Decoding.error(0, Transport.parse(data.toString()))));
                        return;
                    }
                    if (!data.isEmpty()) {
                        signals.put(new Signal.Item<>(decode.apply(Transport.parse(data.toString()))));
                    }
                    type = "";
                    data.setLength(0);
                } else if (line.startsWith("event:")) {
                    type = line.substring("event:".length()).strip();
                } else if (line.startsWith("data:")) {
                    data.append(line.substring("data:".length()).strip());
                } else if (line.startsWith(":")) {
                    signals.put(new Signal.Alive<>());
                }
            }
            fail(transport.broken(new IOException("the manager closed it without a word")));
        } catch (IOException e) {
            fail(transport.broken(e));
        } catch (RuntimeException e) {
            fail(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void fail(RuntimeException cause) {
        if (closed) {
            return;
        }
        try {
            signals.put(new Signal.Failed<>(cause));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
