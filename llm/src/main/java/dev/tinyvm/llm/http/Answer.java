package dev.tinyvm.llm.http;

import java.io.IOException;

/**
 * Where an answer goes: the connection of a process in a Tiny VM, or a door of the server. Begun once, then written, then ended or aborted.
 *
 * <p>Used by the one thread that serves the call.
 */
public interface Answer {
    /**
     * The head. With a {@code Content-Length} the body has that size, else it ends with {@link #end}.
     *
     * @param headers without hop-by-hop fields
     */
    void begin(int status, Headers headers) throws IOException;

    /** A part of the body, which leaves at once. */
    void write(byte[] bytes, int offset, int length) throws IOException;

    /** The answer is complete. */
    void end() throws IOException;

    /** The rest will not come; the client sees that the answer was broken off. */
    void abort();

    /** Runs this, on any thread and at most once, when the client has gone before the answer was ended. Call it when the request's body has been read. */
    void whenGone(Runnable gone);
}
