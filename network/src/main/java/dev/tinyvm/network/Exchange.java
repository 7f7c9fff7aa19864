package dev.tinyvm.network;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.network.wire.Body;
import dev.tinyvm.network.wire.Framing;
import dev.tinyvm.network.wire.HttpProblem;
import dev.tinyvm.network.wire.RequestHead;
import dev.tinyvm.network.wire.ResponseHead;
import dev.tinyvm.network.wire.WireInput;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One request and its answer. A second thread sends the body and then waits for the client's next byte: its end cancels the request. The answer goes back on the calling
 * thread, as it arrives. A client that only shuts down its sending half counts as gone: behind the guest link that looks like a process that ended.
 */
final class Exchange {
    private static final int MOST_INTERIM = 8;
    private static final Set<String> REPEATABLE = Set.of("GET", "HEAD", "OPTIONS");

    private final RequestHead head;
    private final ForwardedRequest request;
    private final WireInput in;
    private final OutputStream out;
    private volatile Upstream server;
    private final CountDownLatch bodySent;
    private volatile boolean clientGone;
    private volatile @Nullable Thread sender;

    Exchange(RequestHead head, ForwardedRequest request, WireInput in, GuestConnection client, Upstream server) {
        this.head = head;
        this.request = request;
        this.in = in;
        this.out = client.output();
        this.server = server;
        this.bodySent = new CountDownLatch(head.framing().kind() == Framing.Kind.NONE ? 0 : 1);
    }

    /** Makes a new connection to the same server. */
    interface Renewal {
        Upstream renew(ForwardedRequest request) throws IOException;
    }

    /**
     * Sends the request and brings the answer back.
     *
     * @param renewal for a kept connection that the server had closed meanwhile
     * @return whether both connections can carry another request; {@link #awaitNext} says when
     * @throws Refusal the renewed connection is not allowed; nothing was answered
     * @throws IOException the answer broke off; the client must see that by a close
     */
    boolean run(Renewal renewal) throws IOException {
        boolean repeatable = server.bytesIn() > 0
                && head.framing().kind() == Framing.Kind.NONE
                && REPEATABLE.contains(head.method());
        ResponseHead answer;
        WireInput from = new WireInput(server.input(), in.head());
        try {
            try {
                send(repeatable);
                sender = Thread.ofVirtual().name("tinyvm-egress-body").start(this::sendBody);
                answer = answer(from, repeatable);
            } catch (Closed closed) {
                // Nothing came back on a connection that had idled: the server has closed it meanwhile.
                server = renewal.renew(request);
                from = new WireInput(server.input(), in.head());
                send(false);
                if (sender == null) {
                    sender = Thread.ofVirtual().name("tinyvm-egress-body").start(this::sendBody);
                }
                answer = answer(from, false);
            }
        } catch (HttpProblem problem) {
            refuse(problem);
            return false;
        }
        boolean again = head.keepAlive() && !head.http10() && answer.persistent() && wholeBodySent();
        respond(answer, from, again);
        return again;
    }

    /** Waits for the client's next request; false: it has gone. Only then may its bytes be read by someone else. */
    boolean awaitNext() {
        Thread running = sender;
        if (running == null) {
            return false;
        }
        try {
            running.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
        return !clientGone && bodySent.getCount() == 0;
    }

    private void send(boolean repeatable) throws IOException {
        try {
            server.output().write(request.head().getBytes(StandardCharsets.ISO_8859_1));
            server.output().flush();
        } catch (IOException e) {
            if (repeatable) {
                throw new Closed(e);
            }
            throw new HttpProblem(502, "the server did not take the request: " + e.getMessage());
        }
    }

    /** A server may answer in the very moment in which it reads the last byte. */
    private boolean wholeBodySent() {
        try {
            return bodySent.await(100, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private void sendBody() {
        try {
            Body.copy(in, head.framing(), server.output(), head.framing().kind() == Framing.Kind.CHUNKED);
            bodySent.countDown();
            if (!in.fill()) {
                clientGone = true;
                server.close();
            }
        } catch (IOException e) {
            // A server may answer before it has read all, and close; what the client did wrong must not look like a
            // whole request.
            if (e instanceof HttpProblem || e instanceof EOFException) {
                clientGone = true;
                server.close();
            }
        }
    }

    private ResponseHead answer(WireInput from, boolean repeatable) throws IOException {
        try {
            if (!from.fill()) {
                throw new EOFException("it closed the connection without an answer");
            }
        } catch (IOException e) {
            if (clientGone) {
                throw e;
            }
            if (repeatable) {
                throw new Closed(e);
            }
            throw new HttpProblem(502, "the server did not answer: " + e.getMessage());
        }
        for (int interim = 0; ; interim++) {
            ResponseHead answer = head(from);
            if (!answer.interim()) {
                return answer;
            }
            if (answer.status() == 101 || interim == MOST_INTERIM) {
                throw new HttpProblem(502, "the server changed the protocol, which was not asked for");
            }
            if (!head.http10()) {
                write(answer, false, false);
            }
        }
    }

    private ResponseHead head(WireInput from) throws IOException {
        try {
            return ResponseHead.read(from, head.method());
        } catch (EOFException e) {
            if (clientGone) {
                throw e;
            }
            throw new HttpProblem(502, "the server's answer is no HTTP: " + e.getMessage());
        }
    }

    private void respond(ResponseHead answer, WireInput from, boolean again) throws IOException {
        Framing.Kind kind = answer.framing().kind();
        boolean chunked = !head.http10() && (kind == Framing.Kind.CHUNKED || kind == Framing.Kind.UNTIL_CLOSE);
        write(answer, chunked, !again);
        try {
            Body.copy(from, answer.framing(), out, chunked);
        } catch (HttpProblem problem) {
            // The answer has begun: only a close can tell the client.
            throw new IOException("the server's answer is malformed", problem);
        }
    }

    private void write(ResponseHead answer, boolean chunked, boolean last) throws IOException {
        StringBuilder text = new StringBuilder(512);
        text.append("HTTP/1.1 ")
                .append(answer.status())
                .append(' ')
                .append(answer.reason())
                .append("\r\n");
        answer.fields().forwarded(Set.of()).write(text);
        if (chunked) {
            text.append("Transfer-Encoding: chunked\r\n");
        }
        if (last) {
            text.append("Connection: close\r\n");
        }
        out.write(text.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
        out.flush();
    }

    private void refuse(HttpProblem problem) throws IOException {
        byte[] body = ("{\"error\":{\"code\":\"bad-answer\",\"message\":\"TinyVM's egress proxy: "
                        + String.valueOf(problem.getMessage()).replaceAll("[\"\\\\\\p{Cntrl}]", "'") + "\"}}\n")
                .getBytes(StandardCharsets.UTF_8);
        out.write(
                ("HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\nX-TinyVM-Egress: bad-answer\r\nContent-Length: "
                                + body.length + "\r\nConnection: close\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
        out.write(body);
        out.flush();
    }

    private static final class Closed extends IOException {
        private static final long serialVersionUID = 1L;

        Closed(IOException cause) {
            super(cause);
        }
    }
}
