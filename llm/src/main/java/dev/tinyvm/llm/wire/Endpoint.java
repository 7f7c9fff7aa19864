package dev.tinyvm.llm.wire;

import dev.tinyvm.llm.http.LlmRequest;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/**
 * What a path asks for.
 *
 * @param model named by the path (Gemini); else empty, and the body names it
 * @param verb what follows the model's name in a Gemini path; else empty
 */
public record Endpoint(Dialect dialect, Operation operation, String model, String verb) {
    private static final String GEMINI_MODELS = "/v1beta/models";
    private static final Set<String> OPENAI_OTHERS = Set.of("/v1/completions", "/v1/moderations");

    /** What is to be done. */
    public enum Operation {
        /** Chat Completions, Messages, generateContent. */
        CHAT,
        /** OpenAI Responses. */
        RESPONSES,
        /** OpenAI embeddings, Gemini embedContent and batchEmbedContents. */
        EMBEDDINGS,
        /** Another request that names a model in its body or path; passed through. */
        OTHER,
        /** Counts tokens; costs nothing. */
        COUNT_TOKENS,
        /** The list of models, or one of them. */
        MODELS
    }

    /**
     * Finds it.
     *
     * @throws LlmException there is nothing at this path, or not with this method
     */
    public static Endpoint of(LlmRequest request) {
        String path = request.path();
        Endpoint endpoint = find(path, request);
        boolean get = endpoint.operation == Operation.MODELS;
        if (!request.method().equals(get ? "GET" : "POST")) {
            throw new LlmException(
                    LlmException.Kind.INVALID,
                    "this path takes " + (get ? "GET" : "POST") + ", not " + request.method());
        }
        return endpoint;
    }

    /** What it is, for people. */
    public String name() {
        return switch (operation) {
            case RESPONSES -> "the Responses API";
            case COUNT_TOKENS -> "counting of tokens";
            case EMBEDDINGS -> "embeddings";
            case CHAT, OTHER, MODELS -> "this call";
        };
    }

    /** Whether an error within its stream is told as the Responses API does. */
    public static boolean isResponses(LlmRequest request) {
        return request.path().equals("/v1/responses");
    }

    /** The dialect in which an error at this path is told. */
    public static Dialect dialect(LlmRequest request) {
        String path = request.path();
        if (path.startsWith("/v1beta/") || path.startsWith("/v1alpha/")) {
            return Dialect.GEMINI;
        }
        boolean anthropic = path.startsWith("/v1/messages")
                || request.headers().first("anthropic-version").isPresent();
        return anthropic ? Dialect.ANTHROPIC : Dialect.OPENAI;
    }

    private static Endpoint find(String path, LlmRequest request) {
        Dialect dialect = dialect(request);
        if (path.equals("/v1/chat/completions")) {
            return new Endpoint(Dialect.OPENAI, Operation.CHAT, "", "");
        }
        if (path.equals("/v1/responses")) {
            return new Endpoint(Dialect.OPENAI, Operation.RESPONSES, "", "");
        }
        if (path.equals("/v1/embeddings")) {
            return new Endpoint(Dialect.OPENAI, Operation.EMBEDDINGS, "", "");
        }
        if (OPENAI_OTHERS.contains(path)) {
            return new Endpoint(Dialect.OPENAI, Operation.OTHER, "", "");
        }
        if (path.equals("/v1/messages")) {
            return new Endpoint(Dialect.ANTHROPIC, Operation.CHAT, "", "");
        }
        if (path.equals("/v1/messages/count_tokens")) {
            return new Endpoint(Dialect.ANTHROPIC, Operation.COUNT_TOKENS, "", "");
        }
        if (path.equals("/v1/models") || path.startsWith("/v1/models/")) {
            return new Endpoint(dialect, Operation.MODELS, tail(path, "/v1/models"), "");
        }
        if (path.equals(GEMINI_MODELS) || path.startsWith(GEMINI_MODELS + "/")) {
            String tail = tail(path, GEMINI_MODELS);
            int colon = tail.lastIndexOf(':');
            if (colon < 0) {
                return new Endpoint(Dialect.GEMINI, Operation.MODELS, tail, "");
            }
            String verb = tail.substring(colon + 1);
            Operation operation = switch (verb) {
                case "generateContent", "streamGenerateContent" -> Operation.CHAT;
                case "countTokens" -> Operation.COUNT_TOKENS;
                case "embedContent", "batchEmbedContents" -> Operation.EMBEDDINGS;
                default -> throw nothingAt(path);
            };
            return new Endpoint(Dialect.GEMINI, operation, tail.substring(0, colon), verb);
        }
        throw nothingAt(path);
    }

    private static LlmException nothingAt(String path) {
        String shown = path.length() > 128 ? path.substring(0, 128) + "…" : path;
        return new LlmException(
                LlmException.Kind.NOT_FOUND,
                "the gateway has nothing at " + shown
                        + "; it serves /v1/chat/completions, /v1/responses, /v1/embeddings, /v1/messages, /v1/messages/count_tokens,"
                        + " /v1/models, /v1beta/models/{model}:generateContent, :streamGenerateContent, :countTokens, :embedContent and :batchEmbedContents");
    }

    private static String tail(String path, String prefix) {
        String tail = path.length() > prefix.length() ? path.substring(prefix.length() + 1) : "";
        try {
            return URLDecoder.decode(tail.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw new LlmException(
                    LlmException.Kind.INVALID, "the model's name in the path is not percent-encoded as it should be");
        }
    }
}
