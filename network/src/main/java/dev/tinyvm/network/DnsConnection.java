package dev.tinyvm.network;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.network.dns.DnsMessage;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;

/** DNS over one TCP connection of a Tiny VM (RFC 7766). */
final class DnsConnection {
    private static final int MOST_QUERIES = 1_000;
    private static final int QUERY_BYTES = 4_096;

    private final DnsAnswers answers;
    private final EgressLimits limits;
    private final GuestConnection client;
    private final ConnectionGuard guard;

    DnsConnection(DnsAnswers answers, EgressLimits limits, ScheduledExecutorService timer, GuestConnection client) {
        this.answers = answers;
        this.limits = limits;
        this.client = client;
        this.guard = new ConnectionGuard(timer, limits, client::close);
    }

    void serve() {
        try (guard) {
            DataInputStream in = new DataInputStream(client.input());
            DataOutputStream out = new DataOutputStream(client.output());
            for (int i = 0; i < MOST_QUERIES; i++) {
                guard.within(limits.head());
                byte[] query = new byte[size(in)];
                in.readFully(query);
                guard.within(limits.lookup().plus(limits.head()));
                Optional<DnsMessage> message = DnsMessage.parse(query);
                if (message.isEmpty()) {
                    return;
                }
                byte[] answer = answers.answer(message.get());
                byte[] framed = new byte[answer.length + 2];
                framed[0] = (byte) (answer.length >> 8);
                framed[1] = (byte) answer.length;
                System.arraycopy(answer, 0, framed, 2, answer.length);
                out.write(framed);
                out.flush();
            }
        } catch (IOException e) {
            // The client has gone, or was too slow.
        }
    }

    private static int size(DataInputStream in) throws IOException {
        int size = in.readUnsignedShort();
        if (size > QUERY_BYTES) {
            throw new EOFException("a query of " + size + " bytes");
        }
        return size;
    }
}
