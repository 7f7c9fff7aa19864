package dev.tinyvm.llm;

import dev.tinyvm.llm.translate.GeminiNames;
import dev.tinyvm.llm.translate.Translation;
import dev.tinyvm.llm.translate.Translation.Wire;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Endpoint;
import dev.tinyvm.llm.wire.IncludeUsage;
import dev.tinyvm.llm.wire.JsonScan;
import dev.tinyvm.llm.wire.LlmException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What is to be done for a request, known before anyone is asked.
 *
 * @param model as the client called it
 * @param members of the body that were found
 * @param streams whether the body asks for a stream
 * @param targets to ask, in this order
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared.
record CallPlan(
        Endpoint endpoint,
        String model,
        byte[] body,
        Map<String, JsonScan.Span> members,
        boolean streams,
        List<Target> targets,
        List<Allowance> allowances) {

    /**
     * Whom to ask, and for which model.
     *
     * @param wire in which it is asked
     * @param translation empty: it speaks as the client does
     */
    record Target(
            Upstream upstream, String model, Optional<Price> price, Wire wire, Optional<Translation> translation) {
        Dialect dialect() {
            return switch (wire) {
                case CHAT, RESPONSES -> Dialect.OPENAI;
                case MESSAGES -> Dialect.ANTHROPIC;
                case GEMINI -> Dialect.GEMINI;
            };
        }
    }

    /** How this provider serves the client; empty: not at all. */
    static Optional<Target> target(Endpoint endpoint, Upstream upstream, String model, Optional<Price> price) {
        Provider provider = upstream.provider();
        boolean responses = endpoint.operation() == Endpoint.Operation.RESPONSES;
        Wire client = wire(endpoint.dialect(), responses);
        if (provider.dialects().contains(endpoint.dialect()) && (!responses || provider.responses())) {
            return Optional.of(new Target(upstream, model, price, client, Optional.empty()));
        }
        Dialect dialect = provider.dialects().contains(endpoint.dialect())
                ? endpoint.dialect()
                : provider.dialects().getFirst();
        Wire wire = wire(dialect, false);
        Optional<Translation> found = switch (endpoint.operation()) {
            // OpenAI itself, whose newer models know only this name.
            case CHAT, RESPONSES ->
                Translation.of(client, wire, provider.responses() ? "max_completion_tokens" : "max_tokens");
            case COUNT_TOKENS -> Translation.ofCount(client, wire);
            case EMBEDDINGS ->
                Translation.ofEmbeddings(client, wire, endpoint.verb().equals("embedContent"));
            case OTHER, MODELS -> Optional.empty();
        };
        return found.map(translation -> new Target(upstream, model, price, wire, Optional.of(translation)));
    }

    private static Wire wire(Dialect dialect, boolean responses) {
        return switch (dialect) {
            case OPENAI -> responses ? Wire.RESPONSES : Wire.CHAT;
            case ANTHROPIC -> Wire.MESSAGES;
            case GEMINI -> Wire.GEMINI;
        };
    }

    /** Whether the answer must lose the usage that the client did not ask for. */
    boolean asksForUsage() {
        return streams && endpoint.dialect() == Dialect.OPENAI && endpoint.operation() == Endpoint.Operation.CHAT;
    }

    /** The client's bytes, but for the model's name when it is an alias and the question for usage. */
    byte[] body(Target target) {
        if (target.translation().isPresent()) {
            return target.translation().get().request(body, target.model(), streams);
        }
        boolean repeated = endpoint.operation() == Endpoint.Operation.EMBEDDINGS
                || endpoint.operation() == Endpoint.Operation.COUNT_TOKENS;
        byte[] sent = repeated && !endpoint.model().isEmpty() && !target.model().equals(model)
                ? GeminiNames.renamed(body, target.model())
                : body;
        JsonScan.Span named = members.get("model");
        Map<String, JsonScan.Span> spans = members;
        if (named != null && endpoint.model().isEmpty() && !target.model().equals(model)) {
            sent = JsonScan.splice(sent, named.start(), named.end(), quoted(target.model()));
            spans = JsonScan.members(sent, members.keySet());
        }
        return asksForUsage() ? IncludeUsage.ask(sent, spans) : sent;
    }

    /** Path and query without a key. */
    String target(Target target, String path, String query) {
        if (target.translation().isPresent()) {
            if (streams
                    && endpoint.dialect() == Dialect.GEMINI
                    && !List.of(query.split("&", -1)).contains("alt=sse")) {
                throw new LlmException(
                        LlmException.Kind.INVALID,
                        "a translated stream comes as events: add alt=sse to the query, as Google's SDKs do");
            }
            boolean counts = endpoint.operation() == Endpoint.Operation.COUNT_TOKENS;
            boolean embeds = endpoint.operation() == Endpoint.Operation.EMBEDDINGS;
            return switch (target.wire()) {
                case CHAT, RESPONSES -> embeds ? "/v1/embeddings" : "/v1/chat/completions";
                case MESSAGES -> counts ? "/v1/messages/count_tokens" : "/v1/messages";
                case GEMINI ->
                    geminiPath(
                            target.model(),
                            switch (endpoint.operation()) {
                                case COUNT_TOKENS -> "countTokens";
                                case EMBEDDINGS -> "batchEmbedContents";
                                default -> streams ? "streamGenerateContent?alt=sse" : "generateContent";
                            });
            };
        }
        String sent = !endpoint.model().isEmpty() && !target.model().equals(model)
                ? geminiPath(target.model(), endpoint.verb())
                : path;
        List<String> kept = new ArrayList<>();
        for (String part : query.split("&", -1)) {
            if (!part.isEmpty() && !part.equals("key") && !part.startsWith("key=")) {
                kept.add(part);
            }
        }
        return kept.isEmpty() ? sent : sent + "?" + String.join("&", kept);
    }

    private static String geminiPath(String model, String verb) {
        return "/v1beta/models/"
                + URLEncoder.encode(model, StandardCharsets.UTF_8).replace("+", "%20") + ":" + verb;
    }

    private static byte[] quoted(String text) {
        return dev.tinyvm.llm.wire.Json.bytes(tools.jackson.databind.node.StringNode.valueOf(text));
    }
}
