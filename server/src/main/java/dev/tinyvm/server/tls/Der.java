package dev.tinyvm.server.tls;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;

/** The few encodings of ASN.1 that a certificate needs. Source: ITU-T X.690, the distinguished encoding rules. */
final class Der {
    static final int CONTEXT = 0x80;
    static final int CONSTRUCTED = 0x20;

    private static final int INTEGER = 0x02;
    private static final int BIT_STRING = 0x03;
    private static final int OCTET_STRING = 0x04;
    private static final int OBJECT_IDENTIFIER = 0x06;
    private static final int GENERALIZED_TIME = 0x18;
    private static final int UTC_TIME = 0x17;
    private static final int SEQUENCE = 0x30;
    private static final DateTimeFormatter LONG_TIME =
            DateTimeFormatter.ofPattern("yyyyMMddHHmmss'Z'").withZone(ZoneOffset.UTC);
    private static final DateTimeFormatter SHORT_TIME =
            DateTimeFormatter.ofPattern("yyMMddHHmmss'Z'").withZone(ZoneOffset.UTC);
    private static final int FIRST_YEAR_OF_LONG_TIME = 2050;

    private Der() {}

    static byte[] tagged(int tag, byte[]... parts) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            body.writeBytes(part);
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(tag);
        int length = body.size();
        if (length < 0x80) {
            out.write(length);
        } else {
            byte[] digits = BigInteger.valueOf(length).toByteArray();
            int skip = digits[0] == 0 ? 1 : 0;
            out.write(0x80 | (digits.length - skip));
            out.write(digits, skip, digits.length - skip);
        }
        out.writeBytes(body.toByteArray());
        return out.toByteArray();
    }

    static byte[] sequence(byte[]... parts) {
        return tagged(SEQUENCE, parts);
    }

    static byte[] integer(BigInteger number) {
        return tagged(INTEGER, number.toByteArray());
    }

    static byte[] octets(byte[] content) {
        return tagged(OCTET_STRING, content);
    }

    /** @param unusedBits how many bits at the end do not count */
    static byte[] bits(int unusedBits, byte[] content) {
        return tagged(BIT_STRING, new byte[] {(byte) unusedBits}, content);
    }

    static byte[] yes() {
        return new byte[] {1, 1, (byte) 0xff};
    }

    static byte[] ascii(int tag, String text) {
        return tagged(tag, text.getBytes(StandardCharsets.US_ASCII));
    }

    /** @param dotted such as {@code 2.5.29.17} */
    static byte[] oid(String dotted) {
        String[] arcs = dotted.split("\\.", -1);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(Integer.parseInt(arcs[0]) * 40 + Integer.parseInt(arcs[1]));
        for (int i = 2; i < arcs.length; i++) {
            int arc = Integer.parseInt(arcs[i]);
            int shift = 0;
            while (arc >> (shift + 7) != 0) {
                shift += 7;
            }
            for (; shift > 0; shift -= 7) {
                out.write(0x80 | (arc >> shift & 0x7f));
            }
            out.write(arc & 0x7f);
        }
        return tagged(OBJECT_IDENTIFIER, out.toByteArray());
    }

    /** As RFC 5280 section 4.1.2.5 wants it: with two digits for the year before 2050. */
    static byte[] time(Instant at) {
        return at.atZone(ZoneOffset.UTC).getYear() < FIRST_YEAR_OF_LONG_TIME
                ? ascii(UTC_TIME, SHORT_TIME.format(at))
                : ascii(GENERALIZED_TIME, LONG_TIME.format(at));
    }
}
