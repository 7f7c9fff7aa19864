package dev.tinyvm.llm.wire;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * Finds a few top-level members of a JSON object in one pass over its bytes, without building anything: requests carry megabytes of prompt and the gateway wants two
 * short values. Values that are not wanted are skipped by counting brackets; the provider judges whether they are valid.
 *
 * <p>Names are compared decoded, and a wanted name may stand only once: else the gateway could charge for one model and the provider run another.
 */
public final class JsonScan {
    private final byte[] json;
    private final int end;
    private int at;

    /**
     * Where a member stands.
     *
     * @param name offset of the quote that opens its name
     * @param start offset of its value
     * @param end offset after its value
     */
    public record Span(int name, int start, int end) {}

    private JsonScan(byte[] json, int start, int end) {
        this.json = json;
        at = start;
        this.end = end;
    }

    /**
     * The wanted members that are there.
     *
     * @throws LlmException it is not a JSON object, or a wanted name stands twice
     */
    public static Map<String, Span> members(byte[] json, Set<String> wanted) {
        return new JsonScan(json, 0, json.length).scan(wanted);
    }

    /** As {@link #members(byte[], Set)} for a part of the bytes; the offsets are those of the array. */
    public static Map<String, Span> members(byte[] json, int start, int end, Set<String> wanted) {
        return new JsonScan(json, start, end).scan(wanted);
    }

    /** The string that stands there, decoded; empty when it is another kind of value. */
    public static String string(byte[] json, Span span) {
        if (json[span.start()] != '"') {
            return "";
        }
        for (int i = span.start(); i < span.end(); i++) {
            if (json[i] == '\\') {
                JsonNode node = Json.parse(json, span.start(), span.end() - span.start());
                return node != null && node.isString() ? node.stringValue() : "";
            }
        }
        return new String(json, span.start() + 1, span.end() - span.start() - 2, StandardCharsets.UTF_8);
    }

    /** Whether {@code true} stands there. */
    public static boolean isTrue(byte[] json, Span span) {
        return span.end() - span.start() == 4 && json[span.start()] == 't';
    }

    /** With this put in the place of the bytes from start to end. */
    public static byte[] splice(byte[] json, int start, int end, byte[] replacement) {
        byte[] result = new byte[json.length - (end - start) + replacement.length];
        System.arraycopy(json, 0, result, 0, start);
        System.arraycopy(replacement, 0, result, start, replacement.length);
        System.arraycopy(json, end, result, start + replacement.length, json.length - end);
        return result;
    }

    private Map<String, Span> scan(Set<String> wanted) {
        Map<String, Span> found = new HashMap<>(4);
        expect('{');
        if (peek() == '}') {
            at++;
        } else {
            boolean more = true;
            while (more) {
                peek();
                int name = at;
                skipString();
                String key = string(json, new Span(name, name, at));
                expect(':');
                peek();
                int start = at;
                skipValue();
                if (wanted.contains(key) && found.put(key, new Span(name, start, at)) != null) {
                    throw new LlmException(
                            LlmException.Kind.INVALID, "the body has the member \"" + key + "\" twice; send it once");
                }
                int next = peek();
                at++;
                more = next == ',';
                if (!more && next != '}') {
                    throw malformed();
                }
            }
        }
        while (at < end) {
            if (!isBlank(json[at++])) {
                throw malformed();
            }
        }
        return found;
    }

    private void skipValue() {
        int first = peek();
        if (first == '"') {
            skipString();
        } else if (first == '{' || first == '[') {
            skipNested();
        } else {
            int start = at;
            while (at < end && !isBlank(json[at]) && json[at] != ',' && json[at] != '}' && json[at] != ']') {
                at++;
            }
            if (at == start) {
                throw malformed();
            }
        }
    }

    private void skipNested() {
        int depth = 0;
        while (at < end) {
            switch (json[at]) {
                case '"' -> skipString();
                case '{', '[' -> {
                    depth++;
                    at++;
                }
                case '}', ']' -> {
                    depth--;
                    at++;
                    if (depth == 0) {
                        return;
                    }
                }
                default -> at++;
            }
        }
        throw malformed();
    }

    private void skipString() {
        if (at >= end || json[at] != '"') {
            throw malformed();
        }
        at++;
        while (at < end) {
            byte b = json[at++];
            if (b == '"') {
                return;
            }
            if (b == '\\') {
                at++;
            }
        }
        throw malformed();
    }

    private void expect(char wanted) {
        if (peek() != wanted) {
            throw malformed();
        }
        at++;
    }

    /** The next byte that is not blank, or -1. */
    private int peek() {
        while (at < end && isBlank(json[at])) {
            at++;
        }
        return at < end ? json[at] : -1;
    }

    private static boolean isBlank(byte b) {
        return b == ' ' || b == '\t' || b == '\n' || b == '\r';
    }

    private static LlmException malformed() {
        return new LlmException(
                LlmException.Kind.INVALID, "the body is not a JSON object; send one as application/json");
    }
}
