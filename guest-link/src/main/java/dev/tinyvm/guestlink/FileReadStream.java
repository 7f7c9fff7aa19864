package dev.tinyvm.guestlink;

import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.CompletableFuture;

/** FILE_READ: STAT, then DATA until DONE. */
final class FileReadStream extends LinkStream {
    private final CompletableFuture<Entry> entry = new CompletableFuture<>();
    private final ByteInbox inbox = new ByteInbox(this::grant, this::waitedInVain);

    FileReadStream(GuestLink link, String attempt) {
        super(link, attempt);
    }

    Entry awaitEntry() {
        return link.await(entry, LinkLimits.PROGRESS, this);
    }

    InputStream input() {
        return new InputStream() {
            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] into, int offset, int length) throws IOException {
                return inbox.read(into, offset, length, LinkLimits.PROGRESS);
            }

            @Override
            public void close() {
                inbox.fail(() -> new IOException("the stream is closed"));
                inbox.discard();
                link.streams().cancel(FileReadStream.this);
            }
        };
    }

    @Override
    void onFrame(GuestMessage message, PayloadReader payload) throws WireException {
        if (message == GuestMessage.STAT && !entry.isDone()) {
            Entry value = EntryReader.read(payload);
            payload.finish();
            entry.complete(value);
        } else if (message == GuestMessage.DATA && entry.isDone()) {
            inbox.received(payload.bytes());
        } else {
            throw unexpected(message);
        }
    }

    @Override
    void onDone() throws WireException {
        if (!entry.isDone()) {
            throw unexpected(GuestMessage.DONE);
        }
        inbox.end();
    }

    @Override
    void onError(int errno, String message) {
        entry.completeExceptionally(GuestErrors.file(attempt, errno, message));
        inbox.fail(() -> {
            RuntimeException failure = GuestErrors.file(attempt, errno, message);
            return new IOException(failure.getMessage(), failure);
        });
    }

    @Override
    void onLost(LinkEnd end) {
        entry.completeExceptionally(link.streams().gone(attempt));
        inbox.fail(() -> new IOException("could not " + attempt + ": " + end.detail()));
    }

    @Override
    int receiveCredit() {
        return inbox.credit();
    }

    private void grant(int credit) {
        link.streams().send(GuestMessage.WINDOW.frame(id).u32(credit).finish());
    }

    private void waitedInVain() {
        if (!link.streams().frozenWithin(LinkLimits.PROGRESS)) {
            link.streams().cancel(this);
            inbox.fail(() -> new IOException(
                    "could not " + attempt + ": nothing came for " + LinkLimits.PROGRESS.toSeconds() + " s"));
        }
    }
}
