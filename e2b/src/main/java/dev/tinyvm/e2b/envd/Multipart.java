package dev.tinyvm.e2b.envd;

import dev.tinyvm.e2b.E2bError;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Reads a {@code multipart/form-data} body part by part as it arrives, with a buffer of a fixed size however large the parts are. Source: RFC 2046 section 5.1, RFC 7578.
 *
 * <p>A delimiter is CR LF, two dashes and the boundary. The buffer always holds at least so many bytes before any are given out, so that one split over two reads is seen.
 */
final class Multipart {
    private static final int BUFFER_BYTES = 64 << 10;
    private static final int MAX_HEADER_BYTES = 16 << 10;
    private static final int MAX_BOUNDARY = 200;

    private final InputStream in;
    private final byte[] delimiter;
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private int start;
    private int end;
    private boolean inputEnded;
    private boolean finished;

    /** @param name of the form's field @param fileName empty: none was given */
    record Part(String name, String fileName, InputStream content) {}

    /** @param contentType the whole header, with the boundary */
    Multipart(InputStream in, String contentType) throws IOException {
        this.in = in;
        String boundary = parameters(contentType).getOrDefault("boundary", "");
        if (boundary.isEmpty() || boundary.length() > MAX_BOUNDARY) {
            throw new E2bError(
                    400,
                    "the Content-Type of a multipart body needs a boundary of 1 to " + MAX_BOUNDARY + " characters");
        }
        this.delimiter = ("\r\n--" + boundary).getBytes(StandardCharsets.ISO_8859_1);
        // The first delimiter has no line before it: give it one.
        buffer[0] = '\r';
        buffer[1] = '\n';
        end = 2;
        drain(new Content());
        afterDelimiter();
    }

    /** The next part; what is left of the one before is passed over. Empty after the last. */
    Optional<Part> next() throws IOException {
        if (finished) {
            return Optional.empty();
        }
        Map<String, String> headers = headers();
        Map<String, String> disposition = parameters(headers.getOrDefault("content-disposition", ""));
        return Optional.of(new Part(
                disposition.getOrDefault("name", ""), disposition.getOrDefault("filename", ""), new Content()));
    }

    private void afterDelimiter() throws IOException {
        int first = one();
        int second = one();
        if (first == '-' && second == '-') {
            finished = true;
        } else {
            // White space may pad the delimiter's line.
            while (first == ' ' || first == '\t') {
                first = second;
                second = one();
            }
            if (first != '\r' || second != '\n') {
                throw broken("a boundary is not followed by a new line");
            }
        }
    }

    private Map<String, String> headers() throws IOException {
        Map<String, String> headers = new HashMap<>();
        int total = 0;
        while (true) {
            ByteArrayOutputStream line = new ByteArrayOutputStream(128);
            for (int c = one(); c != '\n'; c = one()) {
                line.write(c);
                if (++total > MAX_HEADER_BYTES) {
                    throw broken("the header of a part is larger than " + MAX_HEADER_BYTES + " bytes");
                }
            }
            String text = line.toString(StandardCharsets.UTF_8).strip();
            if (text.isEmpty()) {
                return headers;
            }
            int colon = text.indexOf(':');
            if (colon > 0) {
                headers.put(
                        text.substring(0, colon).strip().toLowerCase(Locale.ROOT),
                        text.substring(colon + 1).strip());
            }
        }
    }

    /** {@code form-data; name="a"; filename="b"}: what stands behind the semicolons. Browsers write a quote as {@code %22} or {@code \"}. */
    static Map<String, String> parameters(String header) {
        Map<String, String> found = new HashMap<>();
        int at = header.indexOf(';');
        while (at >= 0 && at < header.length()) {
            int equals = header.indexOf('=', at);
            if (equals < 0) {
                break;
            }
            String name = header.substring(at + 1, equals).strip().toLowerCase(Locale.ROOT);
            StringBuilder value = new StringBuilder();
            int i = equals + 1;
            if (i < header.length() && header.charAt(i) == '"') {
                for (i++; i < header.length() && header.charAt(i) != '"'; i++) {
                    if (header.charAt(i) == '\\'
                            && i + 1 < header.length()
                            && (header.charAt(i + 1) == '"' || header.charAt(i + 1) == '\\')) {
                        i++;
                    }
                    value.append(header.charAt(i));
                }
                at = header.indexOf(';', i);
            } else {
                at = header.indexOf(';', i);
                value.append(header, i, at < 0 ? header.length() : at);
            }
            found.putIfAbsent(
                    name,
                    value.toString()
                            .strip()
                            .replace("%22", "\"")
                            .replace("%0D", "\r")
                            .replace("%0A", "\n"));
        }
        return found;
    }

    private int one() throws IOException {
        if (start == end && !fill()) {
            throw broken("it ends too early");
        }
        return buffer[start++] & 0xff;
    }

    /** Reads more; false at the end of the input. Makes room first. */
    private boolean fill() throws IOException {
        if (inputEnded) {
            return false;
        }
        if (start > 0) {
            System.arraycopy(buffer, start, buffer, 0, end - start);
            end -= start;
            start = 0;
        }
        int read = in.read(buffer, end, buffer.length - end);
        if (read < 0) {
            inputEnded = true;
            return false;
        }
        end += read;
        return true;
    }

    private static void drain(InputStream content) throws IOException {
        byte[] bytes = new byte[8192];
        while (content.read(bytes, 0, bytes.length) >= 0) {
            // Passed over.
        }
    }

    private static E2bError broken(String why) {
        return new E2bError(400, "error parsing multipart form: " + why);
    }

    /** Bytes up to the next delimiter. */
    private final class Content extends InputStream {
        private boolean done;

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] to, int offset, int length) throws IOException {
            if (done) {
                return -1;
            }
            if (length == 0) {
                return 0;
            }
            while (true) {
                int safe = plainBytes();
                if (safe > 0) {
                    int count = Math.min(length, safe);
                    System.arraycopy(buffer, start, to, offset, count);
                    start += count;
                    return count;
                }
                if (end - start >= delimiter.length) {
                    start += delimiter.length;
                    done = true;
                    return -1;
                }
                if (!fill()) {
                    throw broken("it ends without its last boundary");
                }
            }
        }

        /** How many bytes at the front certainly belong to the content. */
        private int plainBytes() {
            int i = start;
            while (i < end) {
                if (buffer[i] == '\r' && mayBeDelimiter(i)) {
                    return i - start;
                }
                i++;
            }
            return i - start;
        }

        private boolean mayBeDelimiter(int at) {
            int count = Math.min(delimiter.length, end - at);
            for (int i = 0; i < count; i++) {
                if (buffer[at + i] != delimiter[i]) {
                    return false;
                }
            }
            return true;
        }

        @Override
        public void close() throws IOException {
            if (!done) {
                drain(this);
            }
            if (!finished) {
                afterDelimiter();
            }
        }
    }
}
