package dev.tinyvm.e2b;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonBody;

/** An answer that is an error, in E2B's shape {@code {"code":404,"message":"…"}}. The SDKs branch on the status and on the body's code. */
public final class E2bError extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final int status;

    public E2bError(int status, String message) {
        super(message, null, false, false);
        this.status = status;
    }

    /** Something that E2B has and this door does not have yet. */
    public static E2bError notBuilt(String feature) {
        return new E2bError(501, "not built in TinyVM yet: " + feature + "; docs/e2b.md lists what is supported");
    }

    /** The sandbox is not there, in the words that E2B uses. */
    public static E2bError noSandbox(String id) {
        return new E2bError(404, "Sandbox \"" + id + "\" doesn't exist or you don't have access to it");
    }

    /** What a failure of the floors below looks like from outside; anything unknown is a 500 without detail. */
    public static E2bError from(Throwable failure) {
        return switch (failure) {
            case E2bError error -> error;
            case HttpError e -> new E2bError(e.status(), e.text());
            case ManagerException e -> new E2bError(status(e.code()), text(e));
            case EngineException e -> new E2bError(status(e.code()), text(e));
            case GuestFileException e -> new E2bError(status(e), text(e));
            case org.eclipse.jetty.http.HttpException e ->
                new E2bError(e.getCode(), e.getReason() == null ? "bad request" : e.getReason());
            default -> new E2bError(500, "the manager failed on this request; its log says more");
        };
    }

    /** HTTP status. */
    public int status() {
        return status;
    }

    public String text() {
        String message = getMessage();
        return message == null ? "" : message;
    }

    /** The body of the answer. */
    public JsonBody body() {
        return g -> {
            g.writeStartObject();
            g.writeNumberProperty("code", status);
            g.writeStringProperty("message", text());
            g.writeEndObject();
        };
    }

    private static int status(ManagerException.Code code) {
        return switch (code) {
            case INVALID, NEVER_FITS, MOUNT -> 400;
            case NOT_FOUND, IMAGE -> 404;
            case CONFLICT -> 409;
            case NO_CAPACITY, UNAVAILABLE -> 503;
            case GONE -> 404;
            case TIMEOUT -> 504;
            case FAILED -> 500;
        };
    }

    private static int status(EngineException.Code code) {
        return switch (code) {
            case INVALID, MOUNT -> 400;
            case NOT_FOUND, IMAGE, GONE -> 404;
            case LIMIT, UNAVAILABLE -> 503;
            case TIMEOUT -> 504;
            case PROTOCOL, FAILED -> 500;
        };
    }

    private static int status(GuestFileException e) {
        return switch (e.code()) {
            case "ENOENT" -> 404;
            case "ENOTDIR", "EISDIR", "EINVAL", "ELOOP", "ENAMETOOLONG", "EXDEV", "EEXIST", "ENOTEMPTY" -> 400;
            case "ENOSPC", "EDQUOT", "EFBIG" -> 507;
            default -> 500;
        };
    }

    private static String text(Throwable e) {
        String message = e.getMessage();
        return message == null ? e.getClass().getSimpleName() : message;
    }
}
