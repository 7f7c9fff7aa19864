package dev.tinyvm.network;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.network.rules.Destination;
import dev.tinyvm.network.rules.EgressRules;
import dev.tinyvm.network.wire.Framing;
import dev.tinyvm.network.wire.HttpProblem;
import dev.tinyvm.network.wire.RequestHead;
import dev.tinyvm.network.wire.WireInput;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * One connection of a Tiny VM to the proxy, on the thread that serves it: requests one after the other, until one becomes a tunnel or someone ends it.
 *
 * <p>The guest's bytes are hostile: the head is parsed strictly, bounded in size and time, and written anew for the server.
 */
final class ProxyConnection {
    private final VmEgress vm;
    private final Dialer dialer;
    private final Credentials credentials;
    private final EgressLimits limits;
    private final GuestConnection client;
    private final WireInput in;
    private final OutputStream out;
    private final ConnectionGuard guard;
    private volatile Optional<Upstream> upstream = Optional.empty();

    ProxyConnection(
            VmEgress vm,
            Dialer dialer,
            Credentials credentials,
            EgressLimits limits,
            ScheduledExecutorService timer,
            GuestConnection client) {
        this.vm = vm;
        this.dialer = dialer;
        this.credentials = credentials;
        this.limits = limits;
        this.client = client;
        this.in = new WireInput(client.input(), limits.headSize());
        this.out = client.output();
        this.guard = new ConnectionGuard(timer, limits, this::abort);
    }

    /** Returns when it is over; the caller closes the guest's side. */
    void serve() {
        try (guard) {
            boolean again = true;
            while (again) {
                again = serveOne();
            }
        } catch (IOException e) {
            // One of the two sides has gone; the other learns of it by the close.
        } finally {
            upstream.ifPresent(Upstream::close);
        }
    }

    private boolean serveOne() throws IOException {
        guard.within(limits.keepAlive());
        if (!in.fill()) {
            return false;
        }
        guard.within(limits.head());
        RequestHead head;
        try {
            head = RequestHead.read(in).orElseThrow();
        } catch (HttpProblem problem) {
            answer(new Refusal(problem.status(), "bad-request", String.valueOf(problem.getMessage())));
            return false;
        }
        return head.method().equals("CONNECT") ? tunnel(head) : forward(head);
    }

    private boolean tunnel(RequestHead head) throws IOException {
        Upstream opened;
        try {
            if (head.framing().kind() != Framing.Kind.NONE) {
                throw new Refusal(400, "bad-request", "a CONNECT has no body");
            }
            opened = open("connect", parsed(head.target(), 0), false);
        } catch (Refusal refusal) {
            answer(refusal);
            return false;
        }
        try (VmEgress.Busy _ = vm.begin()) {
            guard.idle(limits.idle());
            out.write("HTTP/1.1 200 Connection established\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            out.flush();
            new Tunnel(client, in, opened).run();
        } finally {
            opened.close();
        }
        return false;
    }

    private boolean forward(RequestHead head) throws IOException {
        String asked = head.target();
        Exchange exchange;
        try (VmEgress.Busy _ = vm.begin()) {
            ForwardedRequest request = ForwardedRequest.of(head, vm.rules(), credentials);
            asked = request.destination().toString();
            connect(request);
            guard.idle(limits.idle());
            exchange = new Exchange(head, request, in, client, upstream.orElseThrow());
            if (!exchange.run(this::renewed)) {
                return false;
            }
        } catch (Refusal refusal) {
            if (!refusal.code().equals("bad-request")) {
                noteRefusal("http", asked, refusal);
            }
            answer(refusal);
            return false;
        } catch (HttpProblem problem) {
            answer(new Refusal(problem.status(), "bad-request", String.valueOf(problem.getMessage())));
            return false;
        }
        guard.within(limits.keepAlive());
        return exchange.awaitNext();
    }

    /** The connection that is open already, when it leads there; else a new one. */
    private void connect(ForwardedRequest request) throws IOException {
        boolean same = upstream.filter(u -> u.destination().equals(request.destination()) && u.tls() == request.tls())
                .filter(u -> dialer.judge(vm.rules(), u.destination(), u.address()) == EgressRules.Decision.ALLOWED)
                .isPresent();
        if (!same) {
            upstream.ifPresent(Upstream::close);
            upstream = Optional.empty();
            upstream = Optional.of(dial("http", request.destination(), request.tls()));
        }
    }

    /** Once more, when a kept connection turned out to be closed before it carried anything. */
    private Upstream renewed(ForwardedRequest request) throws IOException {
        upstream.ifPresent(Upstream::close);
        Upstream fresh = dial("http", request.destination(), request.tls());
        upstream = Optional.of(fresh);
        guard.idle(limits.idle());
        return fresh;
    }

    private Upstream open(String kind, Destination destination, boolean tls) throws IOException {
        try {
            Upstream opened = dial(kind, destination, tls);
            upstream = Optional.of(opened);
            return opened;
        } catch (Refusal refusal) {
            noteRefusal(kind, destination.toString(), refusal);
            throw refusal;
        }
    }

    private Upstream dial(String kind, Destination destination, boolean tls) throws IOException {
        guard.within(limits.lookup().plus(limits.connect()).plus(limits.head()));
        Dialer.Dialed dialed = dialer.dial(vm.rules(), destination, tls);
        Upstream opened = new Upstream(
                destination,
                dialed.address(),
                tls,
                dialed.socket(),
                (sent, received) -> {
                    guard.moved(sent + received);
                    vm.moved(sent, received);
                },
                ended -> vm.closed(kind, ended, guard.expired()));
        vm.opened(kind, opened);
        // The rules may have changed while it was dialled.
        if (dialer.judge(vm.rules(), destination, opened.address()) != EgressRules.Decision.ALLOWED) {
            opened.close();
            throw new Refusal(403, "denied", destination + " is no longer in this Tiny VM's egress allow-list");
        }
        return opened;
    }

    private void noteRefusal(String kind, String destination, Refusal refusal) {
        vm.refused(kind, shortened(destination), refusal.status(), refusal.code());
    }

    /** Without path and query: they may hold secrets. */
    private static String shortened(String target) {
        int start = target.indexOf("://");
        int from = start < 0 ? 0 : start + 3;
        int end = from;
        while (end < target.length() && "/?#".indexOf(target.charAt(end)) < 0) {
            end++;
        }
        String host =
                target.substring(target.lastIndexOf('@', end) >= from ? target.lastIndexOf('@', end) + 1 : from, end);
        return host.length() > 260 ? host.substring(0, 260) : host;
    }

    private static Destination parsed(String authority, int port) throws Refusal {
        try {
            return Destination.parse(authority, port);
        } catch (IllegalArgumentException e) {
            throw new Refusal(400, "bad-destination", String.valueOf(e.getMessage()));
        }
    }

    private void answer(Refusal refusal) throws IOException {
        ObjectNode body = JsonMapper.shared().createObjectNode();
        body.putObject("error")
                .put("code", refusal.code())
                .put("message", "TinyVM's egress proxy: " + refusal.getMessage());
        byte[] bytes = (body + "\n").getBytes(StandardCharsets.UTF_8);
        String head = "HTTP/1.1 " + refusal.status() + " " + phrase(refusal.status())
                + "\r\nContent-Type: application/json\r\nX-TinyVM-Egress: " + refusal.code() + "\r\nContent-Length: "
                + bytes.length + "\r\nConnection: close\r\n\r\n";
        out.write(head.getBytes(StandardCharsets.US_ASCII));
        out.write(bytes);
        out.flush();
    }

    private static String phrase(int status) {
        return switch (status) {
            case 400 -> "Bad Request";
            case 403 -> "Forbidden";
            case 414 -> "URI Too Long";
            case 417 -> "Expectation Failed";
            case 431 -> "Request Header Fields Too Large";
            case 501 -> "Not Implemented";
            case 502 -> "Bad Gateway";
            case 503 -> "Service Unavailable";
            case 504 -> "Gateway Timeout";
            case 505 -> "HTTP Version Not Supported";
            default -> "Error";
        };
    }

    private void abort() {
        upstream.ifPresent(Upstream::close);
        client.close();
    }
}
