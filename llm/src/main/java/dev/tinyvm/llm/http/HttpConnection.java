package dev.tinyvm.llm.http;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The server's side of one HTTP/1.1 connection over any two byte streams, such as a connection on a Tiny VM's loopback. Requests are served one after the other
 * on the calling thread.
 *
 * <p>While a call runs, a second virtual thread waits for the client's next byte: its end tells that the client has gone. The two never read at the same time: the
 * serving thread waits for the watch to be over before it reads the next request.
 *
 * <p>A client that shuts down only its sending half counts as gone: behind the guest link that looks the same as a process that ended.
 */
public final class HttpConnection {
    /** For heads; bodies bypass it. Each Tiny VM keeps a connection or two open. */
    private static final int BUFFER_BYTES = 4 << 10;

    private final WireInput in;
    private final OutputStream out;
    private volatile @Nullable Thread watch;

    /** Answers one request; when it throws before the answer has begun, the client hears 500, later the connection breaks off. */
    @FunctionalInterface
    public interface Handler {
        void handle(LlmRequest request, Answer answer) throws IOException;
    }

    /** Over streams that the caller closes. */
    public HttpConnection(InputStream in, OutputStream out) {
        this.in = new WireInput(in, BUFFER_BYTES);
        this.out = out;
    }

    /**
     * Serves until the client or the handler ends it, then returns; the caller closes the streams.
     *
     * @throws IOException the connection broke
     */
    public void serve(Handler handler) throws IOException {
        boolean again = true;
        while (again) {
            again = serveOne(handler);
        }
    }

    private boolean serveOne(Handler handler) throws IOException {
        awaitWatch();
        RequestHead head;
        try {
            head = RequestHead.read(in);
        } catch (HttpProblem problem) {
            refuse(problem);
            return false;
        }
        if (head == null) {
            return false;
        }
        RequestBody body = new RequestBody(in, out, head);
        ConnectionAnswer answer = new ConnectionAnswer(out, head, body, this::watchFor);
        try {
            handler.handle(new LlmRequest(head.method(), head.target(), head.headers(), body), answer);
        } catch (HttpProblem problem) {
            if (!answer.hasBegun()) {
                refuse(problem);
            }
            return false;
        } finally {
            answer.finish();
        }
        return answer.isComplete() && answer.keepsConnection() && drained(body);
    }

    private void refuse(HttpProblem problem) throws IOException {
        byte[] body = ("{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"" + problem.getMessage() + "\"}}")
                .getBytes(StandardCharsets.UTF_8);
        String head = "HTTP/1.1 " + problem.status() + " " + ConnectionAnswer.reason(problem.status())
                + "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " + body.length
                + "\r\n\r\n";
        out.write(head.getBytes(StandardCharsets.ISO_8859_1));
        out.write(body);
        out.flush();
    }

    /** Reads what is left of a body, within bounds. */
    private static boolean drained(RequestBody body) {
        if (body.isEnded()) {
            return true;
        }
        if (body.isUnasked()) {
            return false;
        }
        byte[] buffer = new byte[4096];
        long drained = 0;
        try {
            while (drained < HttpLimits.DRAIN_BYTES) {
                int size = body.read(buffer, 0, buffer.length);
                if (size < 0) {
                    return true;
                }
                drained += size;
            }
        } catch (IOException e) {
            return false;
        }
        return false;
    }

    /** Watches for the client's end while the answer is made. */
    private void watchFor(ConnectionAnswer answer) {
        if (in.hasBuffered() || watch != null) {
            // The next request has come already: its client is there.
            return;
        }
        watch = Thread.ofVirtual().name("tinyvm-llm-watch").start(() -> {
            boolean alive;
            try {
                alive = in.fill();
            } catch (IOException e) {
                alive = false;
            }
            if (!alive) {
                answer.clientGone();
            }
        });
    }

    private void awaitWatch() {
        Thread running = watch;
        if (running == null) {
            return;
        }
        boolean interrupted = false;
        while (running.isAlive()) {
            try {
                running.join();
            } catch (InterruptedException e) {
                interrupted = true;
                LockSupport.parkNanos(1);
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        watch = null;
    }
}
