package dev.tinyvm.network.dns;

import java.io.ByteArrayOutputStream;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * One question of a DNS query (RFC 1035) and the answers that it may get. Parsed strictly: one question, no compression, class IN.
 */
public final class DnsMessage {
    public static final int A = 1;
    public static final int AAAA = 28;

    private static final int HEADER_BYTES = 12;
    private static final int CLASS_IN = 1;
    private static final int TRUNCATED = 0x0200;
    /** Of an answer, before its address: the name by reference, type, class, TTL, length. */
    private static final int RECORD_BYTES = 12;

    private static final int IPV4_BYTES = 4;
    private static final int IPV6_BYTES = 16;
    private static final int TTL_SECONDS = 30;
    private static final int MOST_ANSWERS = 32;

    private final int id;
    private final boolean recursion;
    private final String name;
    private final int type;
    private final byte[] question;

    private DnsMessage(int id, boolean recursion, String name, int type, byte[] question) {
        this.id = id;
        this.recursion = recursion;
        this.name = name;
        this.type = type;
        this.question = question;
    }

    /** How a query went, RFC 1035 section 4.1.1. */
    public enum Code {
        OK(0),
        FORMAT(1),
        FAILURE(2),
        NO_SUCH_NAME(3),
        NOT_IMPLEMENTED(4);

        private final int number;

        Code(int number) {
            this.number = number;
        }
    }

    /** Empty: it cannot even be answered with an error. */
    public static Optional<DnsMessage> parse(byte[] query) {
        if (query.length < HEADER_BYTES || (query[2] & 0x80) != 0 || unsigned(query, 4) != 1) {
            return Optional.empty();
        }
        StringBuilder name = new StringBuilder();
        int at = HEADER_BYTES;
        while (true) {
            if (at >= query.length) {
                return Optional.empty();
            }
            int length = query[at++] & 0xff;
            if (length == 0) {
                break;
            }
            if (length > 63 || at + length > query.length || name.length() + length > 253) {
                return Optional.empty();
            }
            if (!name.isEmpty()) {
                name.append('.');
            }
            String label = new String(query, at, length, StandardCharsets.ISO_8859_1);
            if (!label.chars().allMatch(c -> c > ' ' && c < 0x7f && c != '.')) {
                return Optional.empty();
            }
            name.append(label);
            at += length;
        }
        if (at + 4 > query.length || unsigned(query, at + 2) != CLASS_IN) {
            return Optional.empty();
        }
        return Optional.of(new DnsMessage(
                unsigned(query, 0),
                (query[2] & 1) != 0,
                name.toString().toLowerCase(Locale.ROOT),
                unsigned(query, at),
                java.util.Arrays.copyOfRange(query, HEADER_BYTES, at + 4)));
    }

    /** Lower case, without the final dot. */
    public String name() {
        return name;
    }

    /** Of record that is asked for. */
    public int type() {
        return type;
    }

    /** The answer with those addresses that are of the type that was asked for. */
    public byte[] answer(Code code, List<InetAddress> addresses) {
        return answer(code, addresses, Integer.MAX_VALUE);
    }

    /** The same within so many bytes; addresses that do not fit are left out, and the answer says so: whoever wants them asks over TCP. */
    public byte[] answer(Code code, List<InetAddress> addresses, int mostBytes) {
        List<InetAddress> all = addresses.stream()
                .filter(a -> type == (a instanceof Inet4Address ? A : AAAA))
                .limit(MOST_ANSWERS)
                .toList();
        int each = RECORD_BYTES + (type == A ? IPV4_BYTES : IPV6_BYTES);
        int room = Math.max(0, (mostBytes - HEADER_BYTES - question.length) / each);
        List<InetAddress> fitting = all.subList(0, Math.min(all.size(), room));
        ByteArrayOutputStream out = new ByteArrayOutputStream(512);
        put(out, id);
        put(out, 0x8080 | (recursion ? 0x0100 : 0) | (fitting.size() < all.size() ? TRUNCATED : 0) | code.number);
        put(out, 1);
        put(out, fitting.size());
        put(out, 0);
        put(out, 0);
        out.writeBytes(question);
        for (InetAddress address : fitting) {
            put(out, 0xc000 | HEADER_BYTES);
            put(out, type);
            put(out, CLASS_IN);
            put(out, 0);
            put(out, TTL_SECONDS);
            put(out, address.getAddress().length);
            out.writeBytes(address.getAddress());
        }
        return out.toByteArray();
    }

    private static int unsigned(byte[] bytes, int at) {
        return (bytes[at] & 0xff) << 8 | (bytes[at + 1] & 0xff);
    }

    private static void put(ByteArrayOutputStream out, int value) {
        out.write(value >> 8);
        out.write(value);
    }
}
