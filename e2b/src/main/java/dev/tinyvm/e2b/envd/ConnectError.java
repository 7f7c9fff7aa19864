package dev.tinyvm.e2b.envd;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonBody;
import java.util.Locale;
import tools.jackson.core.JsonGenerator;

/** A failed remote call in the Connect protocol: a code that SDKs branch on, and a sentence. Source: connectrpc.com/docs/protocol, section Error Codes. */
final class ConnectError extends RuntimeException {
    private static final long serialVersionUID = 1;

    enum Code {
        CANCELED(499),
        INVALID_ARGUMENT(400),
        DEADLINE_EXCEEDED(504),
        NOT_FOUND(404),
        ALREADY_EXISTS(409),
        PERMISSION_DENIED(403),
        RESOURCE_EXHAUSTED(429),
        FAILED_PRECONDITION(400),
        UNIMPLEMENTED(501),
        INTERNAL(500),
        UNAVAILABLE(503),
        UNAUTHENTICATED(401);

        private final int httpStatus;

        Code(int httpStatus) {
            this.httpStatus = httpStatus;
        }

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private final Code code;

    ConnectError(Code code, String message) {
        super(message, null, false, false);
        this.code = code;
    }

    static ConnectError notFound(String message) {
        return new ConnectError(Code.NOT_FOUND, message);
    }

    static ConnectError invalid(String message) {
        return new ConnectError(Code.INVALID_ARGUMENT, message);
    }

    /** What a failure of the floors below looks like from outside; anything unknown is {@code internal} without detail. */
    static ConnectError from(Throwable failure) {
        return switch (failure) {
            case ConnectError error -> error;
            case GuestFileException e -> new ConnectError(code(e), text(e));
            case ManagerException e -> new ConnectError(code(e.code()), text(e));
            case EngineException e -> new ConnectError(code(e.code()), text(e));
            case HttpError e -> invalid(e.text());
            case dev.tinyvm.e2b.E2bError e ->
                new ConnectError(
                        e.status() == 401
                                ? Code.UNAUTHENTICATED
                                : e.status() < 500 ? Code.INVALID_ARGUMENT : Code.INTERNAL,
                        e.text());
            default -> new ConnectError(Code.INTERNAL, "the manager failed on this request; its log says more");
        };
    }

    Code code() {
        return code;
    }

    int httpStatus() {
        return code.httpStatus;
    }

    /** The body of a failed unary call. */
    JsonBody body() {
        return this::write;
    }

    void write(JsonGenerator g) {
        g.writeStartObject();
        g.writeStringProperty("code", code.word());
        g.writeStringProperty("message", String.valueOf(getMessage()));
        g.writeEndObject();
    }

    private static Code code(GuestFileException e) {
        return switch (e.code()) {
            case "ENOENT" -> Code.NOT_FOUND;
            case "EACCES", "EPERM", "EROFS" -> Code.PERMISSION_DENIED;
            case "EEXIST" -> Code.ALREADY_EXISTS;
            case "ENOTDIR", "EISDIR", "EINVAL", "ELOOP", "ENAMETOOLONG", "EXDEV" -> Code.INVALID_ARGUMENT;
            default -> Code.INTERNAL;
        };
    }

    private static Code code(ManagerException.Code code) {
        return switch (code) {
            case INVALID, MOUNT, NEVER_FITS -> Code.INVALID_ARGUMENT;
            case NOT_FOUND, IMAGE -> Code.NOT_FOUND;
            case CONFLICT -> Code.FAILED_PRECONDITION;
            case GONE, UNAVAILABLE -> Code.UNAVAILABLE;
            case NO_CAPACITY -> Code.RESOURCE_EXHAUSTED;
            case TIMEOUT -> Code.DEADLINE_EXCEEDED;
            case FAILED -> Code.INTERNAL;
        };
    }

    private static Code code(EngineException.Code code) {
        return switch (code) {
            case INVALID, MOUNT -> Code.INVALID_ARGUMENT;
            case NOT_FOUND, IMAGE -> Code.NOT_FOUND;
            case GONE, UNAVAILABLE -> Code.UNAVAILABLE;
            case LIMIT -> Code.RESOURCE_EXHAUSTED;
            case TIMEOUT -> Code.DEADLINE_EXCEEDED;
            case PROTOCOL, FAILED -> Code.INTERNAL;
        };
    }

    private static String text(Throwable e) {
        String message = e.getMessage();
        return message == null ? e.getClass().getSimpleName() : message;
    }
}
