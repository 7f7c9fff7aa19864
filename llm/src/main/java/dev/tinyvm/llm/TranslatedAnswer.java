package dev.tinyvm.llm;

import dev.tinyvm.llm.http.Answer;
import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.translate.ProviderError;
import dev.tinyvm.llm.translate.Translation;
import dev.tinyvm.llm.wire.ErrorShape;
import dev.tinyvm.llm.wire.IncludeUsage;
import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import dev.tinyvm.llm.wire.SseEvents;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Takes the answer of a provider of another format and gives the client its own: events one by one, anything else as a whole. */
final class TranslatedAnswer {
    private static final int PLAIN_BYTES = 16 << 20;
    /** The highest status that HTTP itself knows (RFC 6585). */
    private static final int MOST_KNOWN = 511;

    private static final Set<String> ABOUT_THE_BODY = Set.of("content-length", "content-type", "content-encoding");

    private final Answer answer;
    private final CallPlan plan;
    private final Translation translation;
    private final int status;
    private final boolean events;
    private final boolean withoutUsage;
    private final SseEvents splitter = new SseEvents();
    private final SseEvents translated = new SseEvents();
    private final Translation.@Nullable EventStream stream;
    private final ByteArrayOutputStream plain = new ByteArrayOutputStream();
    private final Headers headers;

    /** @param withoutUsage whether the usage is taken out of a stream of Chat Completions, since the client did not ask for it */
    TranslatedAnswer(
            Answer answer,
            CallPlan plan,
            Translation translation,
            Upstream.Reply reply,
            boolean events,
            boolean withoutUsage)
            throws IOException {
        this.answer = answer;
        this.plan = plan;
        this.translation = translation;
        this.withoutUsage = withoutUsage;
        status = reply.status();
        this.events = events && status == 200;
        stream = this.events ? translation.stream() : null;
        headers = reply.headers().without(ABOUT_THE_BODY);
        if (this.events) {
            answer.begin(status, headers.with("Content-Type", "text/event-stream"));
        }
    }

    void write(byte[] bytes) throws IOException {
        if (events) {
            splitter.feed(bytes, 0, bytes.length, this::event);
        } else if (plain.size() + bytes.length > PLAIN_BYTES) {
            throw new LlmException(LlmException.Kind.UPSTREAM, "the provider's answer is too large to be translated");
        } else {
            plain.writeBytes(bytes);
        }
    }

    void end() throws IOException {
        if (stream != null) {
            send(stream.finish());
            if (!stream.hasEnded()) {
                throw new LlmException(
                        LlmException.Kind.UPSTREAM, "the provider's stream ended without its last event");
            }
            answer.end();
            return;
        }
        if (status / 100 == 2 && plan.streams()) {
            throw new LlmException(
                    LlmException.Kind.UPSTREAM, "the provider was asked for a stream and did not answer with one");
        }
        byte[] body = plain.toByteArray();
        if (status / 100 == 2) {
            told(status, translation.answer(body));
            return;
        }
        LlmException error = ProviderError.of(status, Json.parse(body));
        // A status of one vendor alone (529) becomes the one that all know.
        told(
                status > MOST_KNOWN ? error.kind().status() : status,
                Json.bytes(ErrorShape.body(plan.endpoint().dialect(), error)));
    }

    private void told(int shown, byte[] body) throws IOException {
        answer.begin(
                shown,
                headers.with("Content-Type", "application/json").with("Content-Length", Integer.toString(body.length)));
        answer.write(body, 0, body.length);
        answer.end();
    }

    private void event(byte[] bytes, int start, int end) throws IOException {
        if (stream != null) {
            send(stream.event(bytes, start, end));
        }
    }

    private void send(byte[] bytes) throws IOException {
        if (!withoutUsage) {
            answer.write(bytes, 0, bytes.length);
            return;
        }
        translated.feed(
                bytes,
                0,
                bytes.length,
                (b, s, e) -> IncludeUsage.remove(b, s, e, (kept, from, to) -> answer.write(kept, from, to - from)));
    }
}
