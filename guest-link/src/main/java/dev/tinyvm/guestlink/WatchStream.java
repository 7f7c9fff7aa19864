package dev.tinyvm.guestlink;

import dev.tinyvm.engine.GuestFiles.Change;
import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** FILE_WATCH: WATCHING, then events until it is closed. One virtual thread hands them over and gives credit for those it has handed over. */
final class WatchStream extends LinkStream implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(WatchStream.class);
    private static final Change.Kind[] KINDS = {
        Change.Kind.CREATE,
        Change.Kind.WRITE,
        Change.Kind.REMOVE,
        Change.Kind.RENAME,
        Change.Kind.CHMOD,
        Change.Kind.OVERFLOW
    };

    private final CompletableFuture<Boolean> watching = new CompletableFuture<>();
    private final Consumer<Change> onEvent;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<Event> events = new ArrayDeque<>();
    private final ReceiveWindow window = new ReceiveWindow();
    private boolean over;

    WatchStream(GuestLink link, String attempt, Consumer<Change> onEvent) {
        super(link, attempt);
        this.onEvent = onEvent;
    }

    void awaitWatching() {
        link.await(watching, LinkLimits.PROGRESS, this);
        Thread.ofVirtual().name("watch-" + link.streams().machine()).start(this::deliver);
    }

    @Override
    public void close() {
        finish();
        link.streams().cancel(this);
    }

    @Override
    void onFrame(GuestMessage message, PayloadReader payload) throws WireException {
        if (message == GuestMessage.WATCHING && !watching.isDone()) {
            watching.complete(true);
            return;
        }
        if (message != GuestMessage.WATCH_EVENT || !watching.isDone()) {
            throw unexpected(message);
        }
        int bytes = payload.remaining();
        int kind = payload.u8();
        if (kind < 1 || kind > KINDS.length) {
            throw new WireException("WATCH_EVENT of the unknown kind " + kind);
        }
        Event event = new Event(new Change(KINDS[kind - 1], payload.str()), bytes);
        lock.lock();
        try {
            window.received(bytes);
            events.addLast(event);
            changed.signal();
        } finally {
            lock.unlock();
        }
    }

    @Override
    void onDone() {
        finish();
    }

    @Override
    void onCancelled() {
        finish();
    }

    @Override
    void onError(int errno, String message) {
        watching.completeExceptionally(GuestErrors.file(attempt, errno, message));
        finish();
    }

    @Override
    void onLost(LinkEnd end) {
        watching.completeExceptionally(link.streams().gone(attempt));
        finish();
    }

    @Override
    int receiveCredit() {
        lock.lock();
        try {
            return window.credit();
        } finally {
            lock.unlock();
        }
    }

    private void finish() {
        lock.lock();
        try {
            over = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void deliver() {
        try {
            for (Event event = next(); event != null; event = next()) {
                onEvent.accept(event.change);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            LOG.warn("could not {}: whoever watches failed and sees no more", attempt, e);
            close();
        }
    }

    private @Nullable Event next() throws InterruptedException {
        Event event;
        int grant;
        lock.lockInterruptibly();
        try {
            while (events.isEmpty() && !over) {
                changed.await();
            }
            event = events.pollFirst();
            grant = event == null || over ? 0 : window.consumed(event.bytes);
        } finally {
            lock.unlock();
        }
        if (grant > 0) {
            link.streams().send(GuestMessage.WINDOW.frame(id).u32(grant).finish());
        }
        return event;
    }

    private record Event(Change change, int bytes) {}
}
