package dev.tinyvm.guestlink;

import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.util.concurrent.CompletableFuture;

/** A request with one answer: a terminal frame of one type (or DONE), or ERROR. */
final class CallStream<T> extends LinkStream {
    private final CompletableFuture<T> answer = new CompletableFuture<>();
    private final GuestMessage expected;
    private final Parser<T> parser;
    private final Failure failure;

    CallStream(GuestLink link, String attempt, GuestMessage expected, Parser<T> parser) {
        this(
                link,
                attempt,
                expected,
                parser,
                (errno, message) -> GuestErrors.engine(link.streams().machine(), attempt, errno, message));
    }

    CallStream(GuestLink link, String attempt, GuestMessage expected, Parser<T> parser, Failure failure) {
        super(link, attempt);
        this.expected = expected;
        this.parser = parser;
        this.failure = failure;
    }

    CompletableFuture<T> answer() {
        return answer;
    }

    @Override
    void onFrame(GuestMessage message, PayloadReader payload) throws WireException {
        if (message != expected) {
            throw unexpected(message);
        }
        T value = parser.parse(payload);
        payload.finish();
        link.streams().remove(this);
        answer.complete(value);
    }

    @Override
    void onDone() throws WireException {
        if (expected != GuestMessage.DONE) {
            throw unexpected(GuestMessage.DONE);
        }
        answer.complete(parser.parse(new PayloadReader(java.nio.ByteBuffer.allocate(0))));
    }

    @Override
    void onError(int errno, String message) {
        answer.completeExceptionally(failure.of(errno, message));
    }

    @Override
    void onLost(LinkEnd end) {
        answer.completeExceptionally(link.streams().gone(attempt));
    }

    /** Reads the answer's fields. */
    interface Parser<T> {
        T parse(PayloadReader payload) throws WireException;
    }

    /** Makes an exception of an ERROR. */
    interface Failure {
        RuntimeException of(int errno, String message);
    }
}
