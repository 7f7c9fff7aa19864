package dev.tinyvm.llm.translate;

import java.util.Optional;

/**
 * One wire format's client on another's provider. Chat Completions is the middle: what is not one of its pairs goes through it, so five pairs make all nine. For one call: {@link #request} comes first.
 */
public interface Translation {
    /** The formats that can be translated. */
    enum Wire {
        CHAT,
        RESPONSES,
        MESSAGES,
        GEMINI
    }

    /**
     * The client's request as the provider takes it.
     *
     * @param model as the provider calls it
     * @param streams whether the answer is to be streamed
     * @throws dev.tinyvm.llm.wire.LlmException it is none, or holds what cannot be said there
     */
    byte[] request(byte[] body, String model, boolean streams);

    /**
     * The provider's plain answer as the client takes it.
     *
     * @throws dev.tinyvm.llm.wire.LlmException it is none
     */
    byte[] answer(byte[] body);

    /** For one streamed answer. */
    EventStream stream();

    /** A streamed answer on its way. On one thread. */
    interface EventStream {
        /** Takes one event of the provider, and gives the client's bytes that follow from it; none for one that only matters later. */
        byte[] event(byte[] bytes, int start, int end);

        /** The provider's stream has ended. @return the client's last bytes, if any are left */
        byte[] finish();

        /** Whether the answer has come to its end. */
        boolean hasEnded();
    }

    /**
     * Of talk. Empty when there is none, also for a format and itself.
     *
     * @param bound the name of the member under which a provider of Chat Completions takes the most tokens of an answer: {@code max_completion_tokens} at OpenAI, whose newer models know no other, and {@code max_tokens} at those that
     *     copied it before
     */
    static Optional<Translation> of(Wire client, Wire provider, String bound) {
        if (client == provider || provider == Wire.RESPONSES) {
            return Optional.empty();
        }
        Optional<Translation> first = switch (client) {
            case CHAT -> Optional.empty();
            case RESPONSES -> Optional.of(new ResponsesOnChat(bound));
            case MESSAGES -> Optional.of(new MessagesOnChat(bound));
            case GEMINI -> Optional.of(new GeminiOnChat(bound));
        };
        Optional<Translation> second = switch (provider) {
            case CHAT, RESPONSES -> Optional.empty();
            case MESSAGES -> Optional.of(new ChatOnMessages());
            case GEMINI -> Optional.of(new ChatOnGemini());
        };
        if (first.isEmpty() || second.isEmpty()) {
            return first.or(() -> second);
        }
        return Optional.of(new TwoSteps(first.get(), second.get()));
    }

    /** Of the count of a prompt's tokens; empty when the provider cannot count, or counts as the client asks. */
    static Optional<Translation> ofCount(Wire client, Wire provider) {
        if (client == Wire.MESSAGES && provider == Wire.GEMINI) {
            return Optional.of(new MessagesCountOnGemini());
        }
        if (client == Wire.GEMINI && provider == Wire.MESSAGES) {
            return Optional.of(new GeminiCountOnMessages());
        }
        return Optional.empty();
    }

    /**
     * Of embeddings; empty when the provider has none, or as the client asks for them.
     *
     * @param one whether a Gemini client asks for one, and not for a list
     */
    static Optional<Translation> ofEmbeddings(Wire client, Wire provider, boolean one) {
        if (client == Wire.CHAT && provider == Wire.GEMINI) {
            return Optional.of(new OpenAiEmbeddingsOnGemini());
        }
        if (client == Wire.GEMINI && provider == Wire.CHAT) {
            return Optional.of(new GeminiEmbeddingsOnOpenAi(one));
        }
        return Optional.empty();
    }
}
