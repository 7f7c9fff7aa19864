package dev.tinyvm.server.llm;

import dev.tinyvm.llm.http.Answer;
import dev.tinyvm.llm.http.Headers;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;

/** An answer on a connection of the server. The head leaves with the first part of the body; each part leaves at once, and the next is taken when it has. */
final class JettyAnswer implements Answer {
    private static final long UNKNOWN = -1;

    private final Request request;
    private final Response response;
    private final Callback callback;
    private final ClientWatch watch;
    private long left = UNKNOWN;
    private boolean lastSent;
    private boolean completed;

    JettyAnswer(Request request, Response response, Callback callback) {
        this.request = request;
        this.response = response;
        this.callback = callback;
        watch = new ClientWatch(request);
    }

    @Override
    public void begin(int status, Headers headers) {
        response.setStatus(status);
        HttpFields.Mutable fields = response.getHeaders();
        for (Headers.Field field : headers) {
            fields.add(field.name(), field.value());
        }
        left = headers.first("Content-Length").map(Long::parseLong).orElse(UNKNOWN);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        if (length == 0) {
            return;
        }
        if (left != UNKNOWN) {
            left -= length;
            if (left < 0) {
                throw new IOException("the answer is longer than its Content-Length");
            }
        }
        lastSent = left == 0;
        if (lastSent) {
            // With its last byte the client may send the next request: nobody else may read by then.
            watch.stop();
        }
        Content.Sink.write(response, lastSent, ByteBuffer.wrap(bytes, offset, length));
    }

    @Override
    public void end() throws IOException {
        if (completed) {
            return;
        }
        watch.stop();
        if (!lastSent) {
            if (left > 0 && !request.getMethod().equals("HEAD")) {
                throw new IOException("the answer is shorter than its Content-Length");
            }
            Content.Sink.write(response, true, BufferUtil.EMPTY_BUFFER);
        }
        completed = true;
        callback.succeeded();
    }

    @Override
    public void abort() {
        if (!completed) {
            completed = true;
            watch.stop();
            if (response.isCommitted()) {
                callback.failed(new IOException("the answer was broken off"));
            } else {
                // Nobody hears it but a client that is there while the manager stops.
                response.setStatus(HttpStatus.SERVICE_UNAVAILABLE_503);
                response.getHeaders().clear().put(HttpHeader.CONNECTION, "close");
                response.write(true, BufferUtil.EMPTY_BUFFER, callback);
            }
        }
    }

    @Override
    public void whenGone(Runnable gone) {
        watch.start(gone);
    }

    /** The call is over: what was not ended is broken off. */
    void finish() {
        abort();
    }
}
