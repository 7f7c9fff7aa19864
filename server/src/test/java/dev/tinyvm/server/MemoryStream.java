package dev.tinyvm.server;

import dev.tinyvm.manager.Manager.Event;
import dev.tinyvm.manager.Manager.EventStream;
import dev.tinyvm.manager.Manager.LogLine;
import dev.tinyvm.manager.Manager.LogQuery;
import dev.tinyvm.manager.Manager.LogStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Items that are kept and can be followed. */
final class MemoryStream<T> {
    private final List<T> items = new ArrayList<>();
    private boolean over;
    private int readers;

    synchronized void add(T item) {
        items.add(item);
        notifyAll();
    }

    synchronized void end() {
        over = true;
        notifyAll();
    }

    synchronized int size() {
        return items.size();
    }

    /** How many streams are open. */
    synchronized int readers() {
        return readers;
    }

    LogStream logs(LogQuery query) {
        @SuppressWarnings("unchecked")
        MemoryStream<LogLine> lines = (MemoryStream<LogLine>) this;
        int from = query.tail() < 0 ? 0 : Math.max(0, size() - query.tail());
        Reader<LogLine> reader = new Reader<>(lines, from, query.follow());
        return new LogStream() {
            @Override
            public Optional<LogLine> next(Duration timeout) throws InterruptedException {
                return reader.next(timeout);
            }

            @Override
            public boolean ended() {
                return reader.ended();
            }

            @Override
            public void close() {
                reader.close();
            }
        };
    }

    EventStream events(long after, boolean follow) {
        @SuppressWarnings("unchecked")
        MemoryStream<Event> all = (MemoryStream<Event>) this;
        Reader<Event> reader = new Reader<>(all, (int) Math.min(after, size()), follow);
        return new EventStream() {
            @Override
            public Optional<Event> next(Duration timeout) throws InterruptedException {
                return reader.next(timeout);
            }

            @Override
            public boolean ended() {
                return reader.ended();
            }

            @Override
            public void close() {
                reader.close();
            }
        };
    }

    private static final class Reader<I> {
        private final MemoryStream<I> of;
        private final boolean follow;
        private int at;

        Reader(MemoryStream<I> of, int from, boolean follow) {
            this.of = of;
            this.at = from;
            this.follow = follow;
            synchronized (of) {
                of.readers++;
            }
        }

        Optional<I> next(Duration timeout) throws InterruptedException {
            long end = System.nanoTime() + timeout.toNanos();
            synchronized (of) {
                while (at >= of.items.size() && follow && !of.over) {
                    long millis = (end - System.nanoTime()) / 1_000_000;
                    if (millis <= 0) {
                        return Optional.empty();
                    }
                    of.wait(millis);
                }
                return at < of.items.size() ? Optional.of(of.items.get(at++)) : Optional.empty();
            }
        }

        boolean ended() {
            synchronized (of) {
                return at >= of.items.size() && (!follow || of.over);
            }
        }

        void close() {
            synchronized (of) {
                of.readers--;
            }
        }
    }
}
