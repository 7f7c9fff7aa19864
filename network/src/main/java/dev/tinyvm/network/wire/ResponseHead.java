package dev.tinyvm.network.wire;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * A response's head, as strict as a request's.
 *
 * @param reason the phrase, possibly empty
 * @param persistent whether the server goes on afterwards
 */
public record ResponseHead(int status, String reason, Fields fields, Framing framing, boolean persistent) {

    /** @param method of the request, which decides whether there is a body @throws HttpProblem 502 */
    public static ResponseHead read(WireInput in, String method) throws IOException {
        try {
            String first = in.line(in.head().bytes(), 502);
            Fields fields = Fields.read(in, in.head().bytes() - first.length() - 2);
            return of(first, fields, method);
        } catch (HttpProblem problem) {
            throw new HttpProblem(502, "the server's answer is no HTTP: " + problem.getMessage());
        }
    }

    public boolean interim() {
        return status < 200;
    }

    private static ResponseHead of(String line, Fields fields, String method) throws HttpProblem {
        boolean http10 = line.startsWith("HTTP/1.0 ");
        if ((!http10 && !line.startsWith("HTTP/1.1 ")) || !line.matches("HTTP/1\\.[01] [1-9][0-9]{2}( .*)?")) {
            throw new HttpProblem(502, "the status line is not 'HTTP/1.1 200 …'");
        }
        int status = Integer.parseInt(line.substring(9, 12));
        String reason = line.length() > 13 ? line.substring(13) : "";
        if (!reason.chars().allMatch(c -> c == '\t' || (c >= ' ' && c != 0x7f))) {
            throw new HttpProblem(502, "the status line holds a control character");
        }
        Framing framing = framing(fields, status, method);
        boolean persistent = framing.kind() != Framing.Kind.UNTIL_CLOSE
                && !fields.hasWord("Connection", "close")
                && (!http10 || fields.hasWord("Connection", "keep-alive"));
        return new ResponseHead(status, reason, fields, framing, persistent);
    }

    private static Framing framing(Fields fields, int status, String method) throws HttpProblem {
        List<String> codings = fields.all("Transfer-Encoding");
        Optional<Long> length = fields.contentLength(502);
        if (!codings.isEmpty() && length.isPresent()) {
            throw new HttpProblem(502, "Transfer-Encoding stands with a Content-Length");
        }
        if (method.equals("HEAD") || status < 200 || status == 204 || status == 304) {
            return Framing.NONE;
        }
        if (codings.isEmpty()) {
            return length.map(Framing::length).orElse(Framing.UNTIL_CLOSE);
        }
        if (codings.size() > 1 || !codings.getFirst().equalsIgnoreCase("chunked")) {
            throw new HttpProblem(502, "the only transfer coding is chunked");
        }
        return Framing.CHUNKED;
    }
}
