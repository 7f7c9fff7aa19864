package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.LlmException;
import dev.tinyvm.llm.wire.SseEvents;
import java.io.ByteArrayOutputStream;
import java.io.IOException;

/**
 * Two translations, one behind the other.
 *
 * @param client its client's side
 * @param provider its provider's side
 */
record TwoSteps(Translation client, Translation provider) implements Translation {
    @Override
    public byte[] request(byte[] body, String model, boolean streams) {
        return provider.request(client.request(body, model, streams), model, streams);
    }

    @Override
    public byte[] answer(byte[] body) {
        return client.answer(provider.answer(body));
    }

    @Override
    public EventStream stream() {
        return new Both(client.stream(), provider.stream());
    }

    private static final class Both implements EventStream {
        private final EventStream client;
        private final EventStream provider;
        private final SseEvents splitter = new SseEvents();
        private final ByteArrayOutputStream out = new ByteArrayOutputStream(512);

        Both(EventStream client, EventStream provider) {
            this.client = client;
            this.provider = provider;
        }

        @Override
        public byte[] event(byte[] bytes, int start, int end) {
            pass(provider.event(bytes, start, end));
            return taken();
        }

        @Override
        public byte[] finish() {
            pass(provider.finish());
            out.writeBytes(client.finish());
            return taken();
        }

        @Override
        public boolean hasEnded() {
            return client.hasEnded();
        }

        private void pass(byte[] between) {
            try {
                splitter.feed(between, 0, between.length, (b, s, e) -> out.writeBytes(client.event(b, s, e)));
            } catch (IOException e) {
                throw new LlmException(LlmException.Kind.UPSTREAM, "an event of the provider is too large");
            }
        }

        private byte[] taken() {
            byte[] bytes = out.toByteArray();
            out.reset();
            return bytes;
        }
    }
}
