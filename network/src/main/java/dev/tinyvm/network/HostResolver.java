package dev.tinyvm.network;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The host's own resolver. Look-ups block in the C library, so they run on a few threads of their own: a slow name server must not hold the threads that serve all else.
 */
public final class HostResolver implements Resolver, AutoCloseable {
    private static final int THREADS = 16;
    private static final int WAITING = 256;

    private final ThreadPoolExecutor threads = new ThreadPoolExecutor(
            THREADS,
            THREADS,
            10,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(WAITING),
            Thread.ofPlatform().daemon().name("tinyvm-lookup-", 0).factory());

    public HostResolver() {
        threads.allowCoreThreadTimeOut(true);
    }

    @Override
    public List<InetAddress> resolve(String name, Duration timeout) throws IOException {
        Future<InetAddress[]> answer;
        try {
            answer = threads.submit(() -> InetAddress.getAllByName(name));
        } catch (RejectedExecutionException e) {
            throw new IOException("too many names are being looked up", e);
        }
        try {
            return List.of(answer.get(timeout.toMillis(), TimeUnit.MILLISECONDS));
        } catch (ExecutionException e) {
            if (e.getCause() instanceof UnknownHostException) {
                throw new UnknownHostException(name);
            }
            throw new IOException("the look-up failed", e);
        } catch (TimeoutException e) {
            throw new IOException("no answer within " + timeout.toSeconds() + " s", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            answer.cancel(false);
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
