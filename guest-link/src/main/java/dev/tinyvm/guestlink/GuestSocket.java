package dev.tinyvm.guestlink;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Connects to a guest's socket. The connect runs on a thread of its own: on a socket whose backlog somebody has filled it would block for ever. */
final class GuestSocket {
    private static final long MAX_PAUSE_MILLIS = 20;

    private GuestSocket() {}

    /** A connected channel in non-blocking mode. While the socket does not exist or refuses, it is tried again until {@code patience} is over. */
    static SocketChannel connect(Path socket, String machine, Duration patience) {
        CompletableFuture<SocketChannel> connected = new CompletableFuture<>();
        Thread thread =
                Thread.ofVirtual().name("connect-" + machine).start(() -> tryUntil(socket, connected, patience));
        try {
            return connected.get(patience.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw abandoned(connected, thread, "could not reach the guest of " + machine + ": interrupted", e);
        } catch (TimeoutException e) {
            throw abandoned(
                    connected,
                    thread,
                    "could not reach the guest of " + machine + " in " + patience.toSeconds() + " s",
                    e);
        } catch (ExecutionException e) {
            throw new EngineException(
                    Code.GONE, "could not reach the guest of " + machine + " at " + socket + ": " + e.getMessage(), e);
        }
    }

    private static EngineException abandoned(
            CompletableFuture<SocketChannel> connected, Thread thread, String message, Exception cause) {
        connected.cancel(false);
        thread.interrupt();
        return new EngineException(Code.TIMEOUT, message, cause);
    }

    private static void tryUntil(Path socket, CompletableFuture<SocketChannel> connected, Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        long pause = 1;
        while (true) {
            try {
                SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
                channel.configureBlocking(false);
                if (!connected.complete(channel)) {
                    channel.close();
                }
                return;
            } catch (IOException | RuntimeException e) {
                if (connected.isDone() || System.nanoTime() > deadline - TimeUnit.MILLISECONDS.toNanos(pause)) {
                    connected.completeExceptionally(e);
                    return;
                }
            }
            try {
                Thread.sleep(pause);
            } catch (InterruptedException e) {
                connected.completeExceptionally(e);
                return;
            }
            pause = Math.min(2 * pause, MAX_PAUSE_MILLIS);
        }
    }
}
