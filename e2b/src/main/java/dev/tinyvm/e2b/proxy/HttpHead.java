package dev.tinyvm.e2b.proxy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The head of an HTTP/1.1 answer, from a server inside a sandbox that nobody trusts: bounded and checked. Source: RFC 9112.
 *
 * @param status 100 to 599
 * @param fields names as sent, in their order
 */
record HttpHead(int status, List<Map.Entry<String, String>> fields) {
    static final int MAX_BYTES = 64 << 10;

    /** Reads one; the stream then stands at the body. */
    static HttpHead read(InputStream in) throws IOException {
        int[] left = {MAX_BYTES};
        String statusLine = line(in, left);
        String[] parts = statusLine.split(" ", 3);
        if (parts.length < 2 || !parts[0].startsWith("HTTP/1.") || !parts[1].matches("[1-5]\\d\\d")) {
            throw new IOException("the server on that port does not speak HTTP/1");
        }
        List<Map.Entry<String, String>> fields = new ArrayList<>();
        for (String line = line(in, left); !line.isEmpty(); line = line(in, left)) {
            int colon = line.indexOf(':');
            if (colon <= 0 || !token(line.substring(0, colon))) {
                throw new IOException("the server on that port sent a broken header line");
            }
            fields.add(Map.entry(
                    line.substring(0, colon), line.substring(colon + 1).strip()));
        }
        return new HttpHead(Integer.parseInt(parts[1]), List.copyOf(fields));
    }

    /** The first of that name; empty when there is none. */
    String field(String name) {
        for (Map.Entry<String, String> field : fields) {
            if (field.getKey().equalsIgnoreCase(name)) {
                return field.getValue();
            }
        }
        return "";
    }

    boolean chunked() {
        return field("Transfer-Encoding").toLowerCase(Locale.ROOT).endsWith("chunked");
    }

    /** One line without its end. CR alone and control characters other than tab are refused: they smuggle. */
    static String line(InputStream in, int[] left) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream(128);
        while (true) {
            int c = in.read();
            if (c < 0) {
                throw new IOException("the server on that port hung up before its answer was complete");
            }
            if (--left[0] < 0) {
                throw new IOException("the server on that port sent a header larger than " + MAX_BYTES + " bytes");
            }
            if (c == '\n') {
                return line.toString(StandardCharsets.ISO_8859_1);
            }
            if (c == '\r') {
                if (in.read() != '\n') {
                    throw new IOException("the server on that port sent a broken header line");
                }
                left[0]--;
                return line.toString(StandardCharsets.ISO_8859_1);
            }
            if (c < 0x20 && c != '\t') {
                throw new IOException("the server on that port sent a control character in its header");
            }
            line.write(c);
        }
    }

    private static boolean token(String name) {
        return name.chars().allMatch(c -> c > 0x20 && c < 0x7f && "()<>@,;:\\\"/[]?={}".indexOf(c) < 0);
    }
}
