package dev.tinyvm.network.wire;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** The header fields of one message, in order, as they were sent. Immutable. */
public final class Fields {
    /** What concerns one connection only (RFC 9110, 7.6.1), and what a proxy is told. */
    private static final Set<String> HOP_BY_HOP = Set.of(
            "connection",
            "keep-alive",
            "proxy-connection",
            "proxy-authenticate",
            "proxy-authorization",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade");

    /** What `Connection` must not strip: the next server would read another message than this one. */
    private static final Set<String> NEVER_STRIPPED = Set.of("host", "content-length", "transfer-encoding");

    private final List<Field> fields;

    Fields(List<Field> fields) {
        this.fields = List.copyOf(fields);
    }

    /** @param left bytes that the rest of the head may have */
    static Fields read(WireInput in, int left) throws IOException {
        List<Field> fields = new ArrayList<>();
        int rest = left;
        while (true) {
            if (rest < 2) {
                throw new HttpProblem(
                        431, "the head is larger than " + in.head().bytes() + " bytes");
            }
            String line = in.line(rest, 431);
            rest -= line.length() + 2;
            if (line.isEmpty()) {
                return new Fields(fields);
            }
            if (fields.size() == in.head().fields()) {
                throw new HttpProblem(431, "there are more than " + in.head().fields() + " header fields");
            }
            fields.add(Field.parse(line));
        }
    }

    public List<String> all(String name) {
        return fields.stream()
                .filter(f -> f.name.equalsIgnoreCase(name))
                .map(Field::value)
                .toList();
    }

    /** Whether a field holds a word in its comma-separated list. */
    public boolean hasWord(String name, String word) {
        return all(name).stream()
                .flatMap(v -> List.of(v.split(",", -1)).stream())
                .anyMatch(w -> w.strip().equalsIgnoreCase(word));
    }

    /** Without what concerns the connection only, and without the fields that are named. */
    public Fields forwarded(Set<String> also) throws HttpProblem {
        Set<String> dropped = new HashSet<>(HOP_BY_HOP);
        for (String value : all("Connection")) {
            for (String word : value.split(",", -1)) {
                String name = word.strip().toLowerCase(Locale.ROOT);
                if (NEVER_STRIPPED.contains(name)) {
                    throw new HttpProblem(400, "the field Connection names " + name);
                }
                dropped.add(name);
            }
        }
        also.forEach(name -> dropped.add(name.toLowerCase(Locale.ROOT)));
        return new Fields(fields.stream()
                .filter(f -> !dropped.contains(f.name.toLowerCase(Locale.ROOT)))
                .toList());
    }

    public void write(StringBuilder head) {
        for (Field field : fields) {
            head.append(field.name).append(": ").append(field.value).append("\r\n");
        }
    }

    /** The one whole number of Content-Length; empty: there is none. */
    Optional<Long> contentLength(int status) throws HttpProblem {
        List<String> lengths = all("Content-Length");
        if (lengths.isEmpty()) {
            return Optional.empty();
        }
        String length = lengths.getFirst();
        boolean number =
                !length.isEmpty() && length.length() <= 18 && length.chars().allMatch(c -> c >= '0' && c <= '9');
        if (lengths.size() > 1 || !number) {
            throw new HttpProblem(status, "Content-Length is not one whole number");
        }
        return Optional.of(Long.parseLong(length));
    }

    static boolean isToken(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            if (!plain && "!#$%&'*+-.^_`|~".indexOf(c) < 0) {
                return false;
            }
        }
        return !text.isEmpty();
    }

    record Field(String name, String value) {
        static Field parse(String line) throws HttpProblem {
            int colon = line.indexOf(':');
            if (colon <= 0 || !isToken(line.substring(0, colon))) {
                throw new HttpProblem(400, "a header field is not 'Name: value'");
            }
            String value = line.substring(colon + 1);
            int start = 0;
            int end = value.length();
            while (start < end && isBlank(value.charAt(start))) {
                start++;
            }
            while (end > start && isBlank(value.charAt(end - 1))) {
                end--;
            }
            for (int i = start; i < end; i++) {
                char c = value.charAt(i);
                if ((c < ' ' && c != '\t') || c == 0x7f) {
                    throw new HttpProblem(400, "a header field holds a control character");
                }
            }
            return new Field(line.substring(0, colon), value.substring(start, end));
        }

        private static boolean isBlank(char c) {
            return c == ' ' || c == '\t';
        }
    }
}
