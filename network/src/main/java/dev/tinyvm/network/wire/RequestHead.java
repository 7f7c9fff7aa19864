package dev.tinyvm.network.wire;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * A request's head, parsed strictly (RFC 9112): what two servers could read in two ways is refused.
 *
 * @param target as it was sent: printable ASCII without spaces
 * @param keepAlive whether the client wishes to go on afterwards
 */
public record RequestHead(
        String method, String target, Fields fields, Framing framing, boolean http10, boolean keepAlive) {

    /** Empty when the connection ended before a request. */
    public static Optional<RequestHead> read(WireInput in) throws IOException {
        if (!in.fill()) {
            return Optional.empty();
        }
        String first = in.line(in.head().bytes(), 414);
        if (first.isEmpty()) {
            first = in.line(in.head().bytes(), 414);
        }
        return Optional.of(of(first, Fields.read(in, in.head().bytes() - first.length() - 2)));
    }

    private static RequestHead of(String line, Fields fields) throws HttpProblem {
        String[] words = line.split(" ", -1);
        if (words.length != 3 || words[1].isEmpty()) {
            throw new HttpProblem(400, "the request line is not 'METHOD target HTTP/1.1'");
        }
        if (!Fields.isToken(words[0])) {
            throw new HttpProblem(400, "the method is not a token");
        }
        boolean http10 = words[2].equals("HTTP/1.0");
        if (!http10 && !words[2].equals("HTTP/1.1")) {
            throw new HttpProblem(
                    words[2].startsWith("HTTP/") ? 505 : 400, "only HTTP/1.1 and HTTP/1.0 are spoken here");
        }
        if (!words[1].chars().allMatch(c -> c > ' ' && c < 0x7f)) {
            throw new HttpProblem(400, "the target holds a character that must be percent-encoded");
        }
        int hosts = fields.all("Host").size();
        if (hosts > 1 || (hosts == 0 && !http10)) {
            throw new HttpProblem(400, "there must be exactly one Host");
        }
        for (String value : fields.all("Expect")) {
            if (!value.equalsIgnoreCase("100-continue")) {
                throw new HttpProblem(417, "only 100-continue may be expected");
            }
        }
        boolean close = fields.hasWord("Connection", "close") || fields.hasWord("Proxy-Connection", "close");
        boolean keep = fields.hasWord("Connection", "keep-alive") || fields.hasWord("Proxy-Connection", "keep-alive");
        return new RequestHead(
                words[0], words[1], fields, framing(fields, http10), http10, !close && (!http10 || keep));
    }

    private static Framing framing(Fields fields, boolean http10) throws HttpProblem {
        List<String> codings = fields.all("Transfer-Encoding");
        Optional<Long> length = fields.contentLength(400);
        if (codings.isEmpty()) {
            return length.map(Framing::length).orElse(Framing.NONE);
        }
        if (length.isPresent() || http10) {
            throw new HttpProblem(400, "Transfer-Encoding stands with a Content-Length or in HTTP/1.0");
        }
        if (codings.size() > 1 || !codings.getFirst().equalsIgnoreCase("chunked")) {
            throw new HttpProblem(501, "the only transfer coding is chunked");
        }
        return Framing.CHUNKED;
    }
}
