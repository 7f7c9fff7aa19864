package dev.tinyvm.llm.wire;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * OpenAI tells the usage of a streamed chat only when asked to, in one more chunk. The gateway asks, and takes the chunk, and the {@code usage} member that the other
 * chunks get from it, out of what the client sees.
 */
public final class IncludeUsage {
    private static final byte[] ASK =
            "\"stream_options\":{\"include_usage\":true},".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] USAGE = "\"usage\"".getBytes(StandardCharsets.US_ASCII);
    private static final Set<String> WANTED = Set.of("usage", "choices");

    private IncludeUsage() {}

    /**
     * The request with the question added; the same array when the client asks itself.
     *
     * @param members of the request, with {@code stream_options} when it is there
     */
    public static byte[] ask(byte[] request, Map<String, JsonScan.Span> members) {
        JsonScan.Span options = members.get("stream_options");
        if (options == null) {
            int brace = 0;
            while (request[brace] != '{') {
                brace++;
            }
            return JsonScan.splice(request, brace + 1, brace + 1, ASK);
        }
        if (isAsked(request, members)) {
            return request;
        }
        JsonNode node = Json.parse(request, options.start(), options.end() - options.start());
        if (node == null || !(node.isObject() || node.isNull())) {
            // The provider will say what is wrong with it.
            return request;
        }
        ObjectNode asked = node.isObject() ? ((ObjectNode) node).deepCopy() : Json.object();
        asked.put("include_usage", true);
        return JsonScan.splice(request, options.start(), options.end(), Json.bytes(asked));
    }

    /** Whether the client asks itself. */
    public static boolean isAsked(byte[] request, Map<String, JsonScan.Span> members) {
        JsonScan.Span options = members.get("stream_options");
        JsonNode node = options == null ? null : Json.parse(request, options.start(), options.end() - options.start());
        return node != null && node.path("include_usage").asBoolean(false);
    }

    /** Hands on an event without what the question added to it. */
    public static void remove(byte[] bytes, int start, int end, SseEvents.Sink sink) throws IOException {
        if (!SseEvents.contains(bytes, start, end, USAGE)) {
            sink.event(bytes, start, end);
            return;
        }
        int brace = start;
        while (brace < end && bytes[brace] != '{') {
            brace++;
        }
        int stop = end;
        while (stop > brace && (bytes[stop - 1] == '\n' || bytes[stop - 1] == '\r')) {
            stop--;
        }
        Map<String, JsonScan.Span> members;
        try {
            members = JsonScan.members(bytes, brace, stop, WANTED);
        } catch (LlmException e) {
            sink.event(bytes, start, end);
            return;
        }
        JsonScan.Span usage = members.get("usage");
        if (usage == null) {
            sink.event(bytes, start, end);
            return;
        }
        JsonScan.Span choices = members.get("choices");
        if (choices != null && bytes[usage.start()] == '{' && isEmptyList(bytes, choices)) {
            return;
        }
        int from = usage.name();
        int to = usage.end();
        int before = from - 1;
        while (isBlank(bytes[before])) {
            before--;
        }
        if (bytes[before] == ',') {
            from = before;
        } else {
            while (isBlank(bytes[to])) {
                to++;
            }
            if (bytes[to] == ',') {
                to++;
            }
        }
        byte[] kept = new byte[end - start - (to - from)];
        System.arraycopy(bytes, start, kept, 0, from - start);
        System.arraycopy(bytes, to, kept, from - start, end - to);
        sink.event(kept, 0, kept.length);
    }

    private static boolean isEmptyList(byte[] bytes, JsonScan.Span span) {
        for (int i = span.start() + 1; i < span.end() - 1; i++) {
            if (!isBlank(bytes[i])) {
                return false;
            }
        }
        return bytes[span.start()] == '[';
    }

    private static boolean isBlank(byte b) {
        return b == ' ' || b == '\t' || b == '\n' || b == '\r';
    }
}
