package dev.tinyvm.llm.translate;

import dev.tinyvm.llm.wire.Json;
import dev.tinyvm.llm.wire.LlmException;
import dev.tinyvm.llm.wire.LlmException.Kind;
import tools.jackson.databind.JsonNode;

/** A provider's own error, in whatever dialect it is told, as one that can be told in any. */
public final class ProviderError {
    private ProviderError() {}

    /**
     * One that came instead of an answer.
     *
     * @param body null when it is not JSON
     */
    public static LlmException of(int status, @org.jspecify.annotations.Nullable JsonNode body) {
        JsonNode first = body != null && body.isArray() ? body.path(0) : body;
        String message = first == null ? "" : Json.string(first.path("error"), "message");
        return new LlmException(
                switch (status) {
                    case 400, 422 -> Kind.INVALID;
                    case 401 -> Kind.UNAUTHENTICATED;
                    case 402, 403 -> Kind.FORBIDDEN;
                    case 404 -> Kind.NOT_FOUND;
                    case 413 -> Kind.TOO_LARGE;
                    case 429 -> Kind.RATE;
                    case 503, 529 -> Kind.BUSY;
                    case 408, 504 -> Kind.TIMEOUT;
                    default -> Kind.UPSTREAM;
                },
                message.isEmpty() ? "the provider answered " + status : message);
    }

    /** One that came within a stream. @param error with {@code message}, and {@code type}, {@code code} or {@code status} */
    static LlmException inStream(JsonNode error) {
        Kind kind = Kind.UPSTREAM;
        for (String name : new String[] {"type", "code", "status"}) {
            if (kind == Kind.UPSTREAM) {
                kind = kind(error.path(name).asString(""));
            }
        }
        String message = Json.string(error, "message");
        return new LlmException(kind, message.isEmpty() ? "the provider broke off with an error" : message);
    }

    private static Kind kind(String word) {
        return switch (word) {
            case "overloaded_error", "UNAVAILABLE", "provider_busy", "503", "529" -> Kind.BUSY;
            case "rate_limit_error", "rate_limit_exceeded", "RESOURCE_EXHAUSTED", "429" -> Kind.RATE;
            case "insufficient_quota" -> Kind.BUDGET;
            case "invalid_request_error", "INVALID_ARGUMENT", "400" -> Kind.INVALID;
            case "authentication_error", "UNAUTHENTICATED", "401" -> Kind.UNAUTHENTICATED;
            case "permission_error", "PERMISSION_DENIED", "403" -> Kind.FORBIDDEN;
            case "timeout_error", "DEADLINE_EXCEEDED", "504" -> Kind.TIMEOUT;
            default -> Kind.UPSTREAM;
        };
    }
}
