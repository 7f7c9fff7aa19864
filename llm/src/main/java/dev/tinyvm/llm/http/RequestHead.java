package dev.tinyvm.llm.http;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A request's head, parsed strictly (RFC 9112): what two servers could read in two ways is refused.
 *
 * @param length of the body; {@link #CHUNKED} when it comes in chunks
 * @param keepAlive whether the client wishes to go on afterwards
 * @param expectsContinue whether it waits for leave to send the body
 */
record RequestHead(
        String method,
        String target,
        Headers headers,
        long length,
        boolean http10,
        boolean keepAlive,
        boolean expectsContinue) {
    static final long CHUNKED = -1;

    /** Null when the connection ended before a request. */
    static @Nullable RequestHead read(WireInput in) throws IOException {
        if (!in.fill()) {
            return null;
        }
        int left = HttpLimits.HEAD_BYTES;
        String first = in.line(left, 414);
        if (first.isEmpty()) {
            first = in.line(left, 414);
        }
        left -= first.length() + 2;
        List<Headers.Field> fields = new ArrayList<>();
        while (true) {
            if (left < 2) {
                throw new HttpProblem(431, "the head is larger than " + HttpLimits.HEAD_BYTES + " bytes");
            }
            String line = in.line(left, 431);
            left -= line.length() + 2;
            if (line.isEmpty()) {
                break;
            }
            if (fields.size() == HttpLimits.FIELDS) {
                throw new HttpProblem(431, "there are more than " + HttpLimits.FIELDS + " header fields");
            }
            fields.add(field(line));
        }
        return of(first, Headers.of(fields));
    }

    private static RequestHead of(String line, Headers headers) throws IOException {
        int one = line.indexOf(' ');
        int two = line.lastIndexOf(' ');
        if (one <= 0 || two <= one + 1 || line.indexOf(' ', one + 1) != two) {
            throw new HttpProblem(400, "the request line is not 'METHOD target HTTP/1.1'");
        }
        String method = line.substring(0, one);
        String version = line.substring(two + 1);
        if (!isToken(method)) {
            throw new HttpProblem(400, "the method is not a token");
        }
        boolean http10 = version.equals("HTTP/1.0");
        if (!http10 && !version.equals("HTTP/1.1")) {
            throw new HttpProblem(
                    version.startsWith("HTTP/") ? 505 : 400, "only HTTP/1.1 and HTTP/1.0 are spoken here");
        }
        String target = target(line.substring(one + 1, two));
        int hosts = headers.all("Host").size();
        if (hosts > 1 || (hosts == 0 && !http10)) {
            throw new HttpProblem(400, "there must be exactly one Host");
        }
        boolean close = false;
        boolean keep = false;
        for (String value : headers.all("Connection")) {
            for (String option : value.split(",", -1)) {
                close |= option.strip().equalsIgnoreCase("close");
                keep |= option.strip().equalsIgnoreCase("keep-alive");
            }
        }
        boolean expects = false;
        for (String value : headers.all("Expect")) {
            if (!value.equalsIgnoreCase("100-continue")) {
                throw new HttpProblem(417, "only 100-continue may be expected");
            }
            expects = !http10;
        }
        return new RequestHead(
                method, target, headers, length(headers, http10), http10, !close && (!http10 || keep), expects);
    }

    private static long length(Headers headers, boolean http10) throws HttpProblem {
        List<String> codings = headers.all("Transfer-Encoding");
        List<String> lengths = headers.all("Content-Length");
        if (!codings.isEmpty()) {
            if (!lengths.isEmpty() || http10) {
                throw new HttpProblem(400, "Transfer-Encoding stands with a Content-Length or in HTTP/1.0");
            }
            if (codings.size() > 1 || !codings.getFirst().equalsIgnoreCase("chunked")) {
                throw new HttpProblem(501, "the only transfer coding is chunked");
            }
            return CHUNKED;
        }
        if (lengths.isEmpty()) {
            return 0;
        }
        String length = lengths.getFirst();
        if (lengths.size() > 1
                || length.isEmpty()
                || length.length() > 18
                || !length.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw new HttpProblem(400, "Content-Length is not one whole number");
        }
        return Long.parseLong(length);
    }

    private static String target(String sent) throws HttpProblem {
        for (int i = 0; i < sent.length(); i++) {
            char c = sent.charAt(i);
            if (c <= ' ' || c >= 0x7f) {
                throw new HttpProblem(400, "the target holds a character that must be percent-encoded");
            }
        }
        if (sent.startsWith("/")) {
            return sent;
        }
        if (sent.regionMatches(true, 0, "http://", 0, 7)) {
            int slash = sent.indexOf('/', 7);
            return slash < 0 ? "/" : sent.substring(slash);
        }
        throw new HttpProblem(400, "the target is not a path");
    }

    /** One line of a head. */
    static Headers.Field field(String line) throws HttpProblem {
        int colon = line.indexOf(':');
        if (colon <= 0 || !isToken(line.substring(0, colon))) {
            throw new HttpProblem(400, "a header field is not 'Name: value'");
        }
        int start = colon + 1;
        int end = line.length();
        while (start < end && isBlank(line.charAt(start))) {
            start++;
        }
        while (end > start && isBlank(line.charAt(end - 1))) {
            end--;
        }
        for (int i = start; i < end; i++) {
            char c = line.charAt(i);
            if ((c < ' ' && c != '\t') || c == 0x7f) {
                throw new HttpProblem(400, "a header field holds a control character");
            }
        }
        return new Headers.Field(line.substring(0, colon), line.substring(start, end));
    }

    private static boolean isBlank(char c) {
        return c == ' ' || c == '\t';
    }

    private static boolean isToken(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            if (!letter && "!#$%&'*+-.^_`|~".indexOf(c) < 0) {
                return false;
            }
        }
        return !text.isEmpty();
    }
}
