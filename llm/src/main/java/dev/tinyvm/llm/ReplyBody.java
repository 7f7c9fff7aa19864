package dev.tinyvm.llm;

import java.io.IOException;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The body of a provider's answer as it arrives, for the one thread that serves the call. */
interface ReplyBody extends AutoCloseable {
    /**
     * The next bytes; null at the end.
     *
     * @throws HttpTimeoutException nothing came in time
     * @throws IOException the answer broke off
     * @throws InterruptedException the client has gone
     */
    byte @Nullable [] next(Duration most) throws IOException, InterruptedException;

    /** The rest is not wanted: the call to the provider is cancelled. After the end this changes nothing. */
    @Override
    void close();
}
