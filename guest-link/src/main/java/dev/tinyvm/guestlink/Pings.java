package dev.tinyvm.guestlink;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.guestlink.wire.WireException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** PINGs that the host has sent, and a count of the guest's frames that carry nothing, since those cost it nothing to send. */
final class Pings {
    private final Map<Long, CompletableFuture<Boolean>> sent = new LinkedHashMap<>();
    private long next;
    private long secondStartNanos = System.nanoTime();
    private int framesInSecond;

    synchronized long sent(CompletableFuture<Boolean> answer) {
        sent.put(++next, answer);
        return next;
    }

    void received(long value) throws WireException {
        CompletableFuture<Boolean> answer;
        synchronized (this) {
            answer = sent.remove(value);
        }
        if (answer == null) {
            throw new WireException("PONG without PING");
        }
        answer.complete(true);
    }

    void fail(EngineException reason) {
        Map<Long, CompletableFuture<Boolean>> waiting;
        synchronized (this) {
            waiting = Map.copyOf(sent);
            sent.clear();
        }
        waiting.values().forEach(a -> a.completeExceptionally(reason));
    }

    /** Called on the loop's thread only. */
    void countControlFrame() throws WireException {
        if (++framesInSecond <= LinkLimits.MAX_CONTROL_FRAMES_PER_SECOND) {
            return;
        }
        long now = System.nanoTime();
        if (now - secondStartNanos < TimeUnit.SECONDS.toNanos(1)) {
            throw new WireException("a flood of PING or WINDOW");
        }
        secondStartNanos = now;
        framesInSecond = 0;
    }
}
