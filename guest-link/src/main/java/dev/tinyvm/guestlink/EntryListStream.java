package dev.tinyvm.guestlink;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** FILE_LIST: ENTRIES until DONE. Credit is given back at once, since the entries are kept in any case, up to a bound. */
final class EntryListStream extends LinkStream {
    private final CompletableFuture<List<Entry>> answer = new CompletableFuture<>();
    private final List<Entry> entries = new ArrayList<>();
    private final ReceiveWindow window = new ReceiveWindow();

    EntryListStream(GuestLink link, String attempt) {
        super(link, attempt);
    }

    List<Entry> awaitAll() {
        return link.await(answer, LinkLimits.PROGRESS, this);
    }

    @Override
    void onFrame(GuestMessage message, PayloadReader payload) throws WireException {
        if (message != GuestMessage.ENTRIES) {
            throw unexpected(message);
        }
        int bytes = payload.remaining();
        window.received(bytes);
        int count = payload.count(EntryReader.MIN_BYTES);
        for (int i = 0; i < count; i++) {
            entries.add(EntryReader.read(payload));
        }
        if (entries.size() > LinkLimits.MAX_LISTED_ENTRIES) {
            link.streams().cancel(this);
            answer.completeExceptionally(new EngineException(
                    Code.LIMIT,
                    "could not " + attempt + ": there are more than " + LinkLimits.MAX_LISTED_ENTRIES
                            + " entries; list fewer levels"));
            return;
        }
        int grant = window.consumed(bytes);
        if (grant > 0) {
            link.streams().send(GuestMessage.WINDOW.frame(id).u32(grant).finish());
        }
    }

    @Override
    void onDone() {
        answer.complete(List.copyOf(entries));
    }

    @Override
    void onError(int errno, String message) {
        answer.completeExceptionally(GuestErrors.file(attempt, errno, message));
    }

    @Override
    void onLost(LinkEnd end) {
        answer.completeExceptionally(link.streams().gone(attempt));
    }
}
