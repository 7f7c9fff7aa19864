package dev.tinyvm.llm.wire;

/** The gateway's own refusal or failure, to be told in the client's dialect. Its message never holds a key or a prompt. */
public final class LlmException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final Kind kind;
    private final long retryAfterSeconds;

    /** What went wrong, and how the three dialects call that. */
    public enum Kind {
        /** The request makes no sense. */
        INVALID(400, "invalid_request_error", "", "invalid_request_error", "INVALID_ARGUMENT"),
        /** No key, or one that is not known. */
        UNAUTHENTICATED(401, "invalid_request_error", "invalid_api_key", "authentication_error", "UNAUTHENTICATED"),
        /** This agent may not use this model. */
        FORBIDDEN(403, "invalid_request_error", "model_not_allowed", "permission_error", "PERMISSION_DENIED"),
        /** No such path or model. */
        NOT_FOUND(404, "invalid_request_error", "model_not_found", "not_found_error", "NOT_FOUND"),
        /** The replayed run did not make this request. */
        NOT_RECORDED(409, "invalid_request_error", "not_recorded", "invalid_request_error", "FAILED_PRECONDITION"),
        /** The body is too large. */
        TOO_LARGE(413, "invalid_request_error", "request_too_large", "request_too_large", "INVALID_ARGUMENT"),
        /** Too fast; later it will do. */
        RATE(429, "requests", "rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED"),
        /** The budget is used up; later it will not do either. */
        BUDGET(429, "insufficient_quota", "insufficient_quota", "rate_limit_error", "RESOURCE_EXHAUSTED"),
        /** A fault of this gateway. */
        INTERNAL(500, "server_error", "internal_error", "api_error", "INTERNAL"),
        /** No provider answered as it should. */
        UPSTREAM(502, "server_error", "provider_failed", "api_error", "UNAVAILABLE"),
        /** Too many calls to the provider at once. */
        BUSY(503, "server_error", "provider_busy", "overloaded_error", "UNAVAILABLE"),
        /** No provider answered in time. */
        TIMEOUT(504, "server_error", "provider_timeout", "timeout_error", "DEADLINE_EXCEEDED");

        private final int status;
        private final String openAiType;
        private final String openAiCode;
        private final String anthropicType;
        private final String geminiStatus;

        Kind(int status, String openAiType, String openAiCode, String anthropicType, String geminiStatus) {
            this.status = status;
            this.openAiType = openAiType;
            this.openAiCode = openAiCode;
            this.anthropicType = anthropicType;
            this.geminiStatus = geminiStatus;
        }

        /** The HTTP status. */
        public int status() {
            return status;
        }

        String openAiType() {
            return openAiType;
        }

        String openAiCode() {
            return openAiCode;
        }

        String anthropicType() {
            return anthropicType;
        }

        String geminiStatus() {
            return geminiStatus;
        }
    }

    /** With a message that says what was wrong and what to do. */
    public LlmException(Kind kind, String message) {
        this(kind, message, 0);
    }

    /**
     * With the time after which it is worth trying again.
     *
     * @param retryAfterSeconds 0: not told
     */
    public LlmException(Kind kind, String message, long retryAfterSeconds) {
        super(message, null, false, false);
        this.kind = kind;
        this.retryAfterSeconds = retryAfterSeconds;
    }

    /** What went wrong. */
    public Kind kind() {
        return kind;
    }

    /** Seconds to wait before another try; 0 when not known. */
    public long retryAfterSeconds() {
        return retryAfterSeconds;
    }

    /** Its message, which is never null. */
    public String text() {
        return String.valueOf(getMessage());
    }
}
