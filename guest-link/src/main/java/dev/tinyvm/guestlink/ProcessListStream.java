package dev.tinyvm.guestlink;

import dev.tinyvm.engine.ProcessInfo;
import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** LIST: PROCESSES frames until one says that it is the last, then DONE. */
final class ProcessListStream extends LinkStream {
    private static final int FLAG_TERMINAL = 1;
    private static final int MIN_ITEM_BYTES = 4 + 4 + 1 + 4 + 4 + 4 + 8;

    private final CompletableFuture<List<ProcessInfo>> answer = new CompletableFuture<>();
    private final List<ProcessInfo> processes = new ArrayList<>();
    private boolean last;

    ProcessListStream(GuestLink link) {
        super(link, "list processes");
    }

    CompletableFuture<List<ProcessInfo>> answer() {
        return answer;
    }

    @Override
    void onFrame(GuestMessage message, PayloadReader payload) throws WireException {
        if (message != GuestMessage.PROCESSES || last) {
            throw unexpected(message);
        }
        last = !payload.bool();
        int count = payload.count(MIN_ITEM_BYTES);
        if (processes.size() + count > LinkLimits.MAX_LISTED_PROCESSES || (count == 0 && !last)) {
            throw new WireException("PROCESSES without an end");
        }
        for (int i = 0; i < count; i++) {
            int processId = payload.i32();
            int pid = payload.i32();
            boolean ended = payload.bool();
            boolean terminal = (payload.u32() & FLAG_TERMINAL) != 0;
            String tag = payload.str();
            List<String> command = payload.strings();
            Instant startedAt = Instant.EPOCH.plus(payload.u63(), ChronoUnit.MICROS);
            processes.add(new ProcessInfo(processId, pid, !ended, terminal, tag, command, startedAt));
        }
    }

    @Override
    void onDone() throws WireException {
        if (!last) {
            throw unexpected(GuestMessage.DONE);
        }
        answer.complete(List.copyOf(processes));
    }

    @Override
    void onError(int errno, String message) {
        answer.completeExceptionally(GuestErrors.engine(link.streams().machine(), attempt, errno, message));
    }

    @Override
    void onLost(LinkEnd end) {
        answer.completeExceptionally(link.streams().gone(attempt));
    }
}
