package dev.tinyvm.llm;

import dev.tinyvm.llm.http.ConnectionPool;
import dev.tinyvm.llm.http.ProviderConnection;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The body of an answer on a connection of our own, read by the thread that asks for it. Its connection goes back when it is closed: to be used again after the answer's end, to be closed before. */
final class PooledBody implements ReplyBody {
    private final ConnectionPool pool;
    private final ProviderConnection connection;

    PooledBody(ConnectionPool pool, ProviderConnection connection) {
        this.pool = pool;
        this.connection = connection;
    }

    @Override
    public byte @Nullable [] next(Duration most) throws IOException, InterruptedException {
        try {
            return connection.next(System.nanoTime() + most.toNanos());
        } catch (SocketTimeoutException e) {
            throw new HttpTimeoutException("no byte came for " + most.toSeconds() + " s");
        } catch (IOException e) {
            throw orInterrupted(e);
        }
    }

    /** An interrupt ends a virtual thread's read as a broken connection. */
    static IOException orInterrupted(IOException cause) throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        return cause;
    }

    @Override
    public void close() {
        pool.giveBack(connection);
    }
}
