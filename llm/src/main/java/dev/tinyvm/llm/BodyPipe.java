package dev.tinyvm.llm;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A provider's answer as it arrives, for a thread that waits with a deadline. One part is asked for at a time, so a slow client slows the provider and nothing piles up.
 */
final class BodyPipe implements HttpResponse.BodySubscriber<BodyPipe>, ReplyBody {
    private sealed interface Signal {
        record Part(List<ByteBuffer> buffers) implements Signal {}

        record End() implements Signal {}

        record Failure(Throwable cause) implements Signal {}
    }

    private final LinkedBlockingQueue<Signal> signals = new LinkedBlockingQueue<>();
    private volatile Flow.@Nullable Subscription subscription;
    private volatile boolean closed;

    @Override
    public CompletionStage<BodyPipe> getBody() {
        return CompletableFuture.completedFuture(this);
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        subscription = given;
        if (closed) {
            given.cancel();
        } else {
            given.request(1);
        }
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        signals.add(new Signal.Part(buffers));
    }

    @Override
    public void onError(Throwable cause) {
        signals.add(new Signal.Failure(cause));
    }

    @Override
    public void onComplete() {
        signals.add(new Signal.End());
    }

    @Override
    public byte @Nullable [] next(Duration most) throws IOException, InterruptedException {
        while (true) {
            Signal signal = signals.poll(most.toNanos(), TimeUnit.NANOSECONDS);
            switch (signal) {
                case null -> throw new HttpTimeoutException("no byte came for " + most.toSeconds() + " s");
                case Signal.Part(List<ByteBuffer> buffers) -> {
                    byte[] bytes = joined(buffers);
                    Flow.Subscription current = subscription;
                    if (current != null) {
                        current.request(1);
                    }
                    if (bytes.length > 0) {
                        return bytes;
                    }
                }
                case Signal.End() -> {
                    return null;
                }
                case Signal.Failure(Throwable cause) ->
                    throw new IOException("the provider broke off its answer", cause);
            }
        }
    }

    @Override
    public void close() {
        closed = true;
        Flow.Subscription current = subscription;
        if (current != null) {
            current.cancel();
        }
    }

    private static byte[] joined(List<ByteBuffer> buffers) {
        int size = 0;
        for (ByteBuffer buffer : buffers) {
            size += buffer.remaining();
        }
        byte[] bytes = new byte[size];
        int at = 0;
        for (ByteBuffer buffer : buffers) {
            int length = buffer.remaining();
            buffer.get(bytes, at, length);
            at += length;
        }
        return bytes;
    }
}
