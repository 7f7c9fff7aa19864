package dev.tinyvm.llm.wire;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Listens to an answer as it passes and learns what it used. It changes nothing and delays nothing. When the provider does not tell (the client left before the end, or
 * the format is unknown), it guesses: four bytes of request for a token of input, one event or four bytes of answer for a token of output.
 */
public final class UsageTap {
    /** Of text, where nothing better is known. */
    public static final int BYTES_PER_TOKEN = 4;

    /** A plain answer larger than this is guessed, not read. */
    static final int PLAIN_BYTES = 16 << 20;

    private static final byte[] USAGE = "\"usage".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] NULL = "\":null".getBytes(StandardCharsets.US_ASCII);

    private final boolean events;
    private final boolean generates;
    private final long requestBytes;
    private final SseEvents splitter = new SseEvents();
    private final @Nullable ByteArrayOutputStream plain;
    private boolean lost;
    private boolean toldInput;
    private boolean toldOutput;
    private boolean complete;
    private long eventCount;
    private long answerBytes;
    private long input;
    private long cached;
    private long cacheWrite;
    private long output;

    /**
     * For one answer.
     *
     * @param events whether it is a stream of server-sent events
     * @param requestBytes size of the request's body, for the guess
     * @param generates whether what comes is output; embeddings are none
     */
    public UsageTap(boolean events, long requestBytes, boolean generates) {
        this.events = events;
        this.generates = generates;
        this.requestBytes = requestBytes;
        plain = events ? null : new ByteArrayOutputStream(1024);
    }

    /** A part of the answer's body, as it came from the provider. */
    public void feed(byte[] bytes, int offset, int length) {
        answerBytes += length;
        if (lost) {
            return;
        }
        if (plain == null) {
            try {
                splitter.feed(bytes, offset, length, this::event);
            } catch (IOException e) {
                lost = true;
            }
        } else if (plain.size() + length > PLAIN_BYTES) {
            lost = true;
            plain.reset();
        } else {
            plain.write(bytes, offset, length);
        }
    }

    /** One event, for those who cut the stream themselves. */
    public void event(byte[] bytes, int start, int end) {
        eventCount++;
        if (mayTell(bytes, start, end)) {
            JsonNode node = Json.parse(SseEvents.data(bytes, start, end));
            if (node != null) {
                read(node, true);
            }
        }
    }

    /** OpenAI says {@code "usage":null} in each event but the last: that is not worth a parser. */
    private static boolean mayTell(byte[] bytes, int start, int end) {
        int at = SseEvents.indexOf(bytes, start, end, USAGE);
        while (at >= 0) {
            int value = at + USAGE.length;
            if (!SseEvents.startsWith(bytes, value, end, NULL)) {
                return true;
            }
            at = SseEvents.indexOf(bytes, value, end, USAGE);
        }
        return false;
    }

    /** What was used so far. Call it once, at the end. */
    public Usage usage() {
        if (plain != null && !lost) {
            byte[] body = plain.toByteArray();
            if (SseEvents.contains(body, 0, body.length, USAGE)) {
                JsonNode node = Json.parse(body);
                if (node != null && node.isArray()) {
                    node.forEach(part -> read(part, false));
                } else if (node != null) {
                    read(node, false);
                }
            }
        }
        // What a stream that broke off told at its beginning (Anthropic) is a lower bound for what came since.
        boolean guessOutput = generates && (!toldOutput || (events && !complete && eventCount > output));
        long out = output;
        if (guessOutput) {
            out = Math.max(output, events ? eventCount : answerBytes / BYTES_PER_TOKEN);
        }
        long in = toldInput ? input : requestBytes / BYTES_PER_TOKEN;
        return new Usage(in, Math.min(cached, in), Math.min(cacheWrite, in), out, !toldInput || guessOutput);
    }

    private void read(JsonNode node, boolean streamed) {
        if (node.path("usageMetadata").isObject()) {
            gemini(node.path("usageMetadata"));
        } else if (node.path("message").path("usage").isObject()) {
            anthropic(node.path("message").path("usage"), false);
        } else if (node.path("response").path("usage").isObject()) {
            responses(node.path("response").path("usage"));
        } else if (node.path("usage").isObject()) {
            JsonNode usage = node.path("usage");
            if (usage.has("prompt_tokens") || usage.has("completion_tokens")) {
                chat(usage);
            } else if (Json.string(node, "object").equals("response")) {
                responses(usage);
            } else {
                anthropic(usage, !streamed || Json.string(node, "type").equals("message_delta"));
            }
        }
    }

    private void chat(JsonNode usage) {
        told(
                Json.count(usage, "prompt_tokens"),
                Json.count(usage.path("prompt_tokens_details"), "cached_tokens"),
                Json.count(usage, "completion_tokens"));
    }

    private void responses(JsonNode usage) {
        told(
                Json.count(usage, "input_tokens"),
                Json.count(usage.path("input_tokens_details"), "cached_tokens"),
                Json.count(usage, "output_tokens"));
    }

    private void gemini(JsonNode usage) {
        told(
                Json.count(usage, "promptTokenCount") + Json.count(usage, "toolUsePromptTokenCount"),
                Json.count(usage, "cachedContentTokenCount"),
                Json.count(usage, "candidatesTokenCount") + Json.count(usage, "thoughtsTokenCount"));
    }

    /** Anthropic counts what is cached apart from the input, and tells the input at the beginning, the output at the end. */
    private void anthropic(JsonNode usage, boolean last) {
        if (usage.has("input_tokens")) {
            cached = Json.count(usage, "cache_read_input_tokens");
            cacheWrite = Json.count(usage, "cache_creation_input_tokens");
            input = Json.count(usage, "input_tokens") + cached + cacheWrite;
            toldInput = true;
        }
        if (usage.has("output_tokens")) {
            output = Math.max(output, Json.count(usage, "output_tokens"));
            toldOutput = true;
        }
        complete |= last;
    }

    private void told(long in, long fromCache, long out) {
        input = in;
        cached = fromCache;
        output = out;
        toldInput = true;
        toldOutput = true;
        complete = true;
    }
}
