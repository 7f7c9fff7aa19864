package dev.tinyvm.server.http;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.spec.DescriptorException;
import dev.tinyvm.spec.Problem;
import java.util.List;
import java.util.Map;

/** An answer that is an error: status, code for programs, message and hint for people. */
public final class HttpError extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final int status;
    private final String code;
    private final String text;
    private final String hint;
    private final String errno;
    private final transient List<Problem> problems;
    private final transient Map<String, String> headers;

    private HttpError(
            int status,
            String code,
            String text,
            String hint,
            String errno,
            List<Problem> problems,
            Map<String, String> headers) {
        super(text, null, false, false);
        this.status = status;
        this.code = code;
        this.text = text;
        this.hint = hint;
        this.errno = errno;
        this.problems = problems;
        this.headers = headers;
    }

    public static HttpError of(int status, String code, String text, String hint) {
        return new HttpError(status, code, text, hint, "", List.of(), Map.of());
    }

    /** 400 {@code invalid}. */
    public static HttpError invalid(String text) {
        return of(400, "invalid", text, "");
    }

    public HttpError withHeaders(Map<String, String> more) {
        return new HttpError(status, code, text, hint, errno, problems, more);
    }

    /** What a failure of the floors below looks like from outside; anything unknown is a 500 without detail. */
    public static HttpError from(Throwable failure) {
        return switch (failure) {
            case HttpError error -> error;
            case ManagerException e -> fromManager(e.code(), text(e));
            case GuestFileException e -> fromFile(e);
            case DescriptorException e ->
                new HttpError(
                        400,
                        "invalid_descriptor",
                        text(e),
                        "the fields of a descriptor are listed in docs/descriptor.md",
                        "",
                        e.problems(),
                        Map.of());
            case EngineException e -> fromEngine(e);
            case org.eclipse.jetty.http.HttpException e ->
                of(e.getCode(), code(e.getCode()), e.getReason() == null ? "bad request" : e.getReason(), "");
            default ->
                of(
                        500,
                        "internal",
                        "the manager failed on this request; its log says more",
                        "look for the request id in the manager's log");
        };
    }

    /** A code for an HTTP status that has no better one. */
    public static String code(int status) {
        return switch (status) {
            case 400 -> "invalid";
            case 401 -> "unauthorized";
            case 403 -> "forbidden";
            case 404 -> "not_found";
            case 405 -> "method_not_allowed";
            case 408 -> "timeout";
            case 413 -> "too_large";
            case 414 -> "uri_too_long";
            case 415 -> "unsupported_media_type";
            case 417 -> "expectation_failed";
            case 426 -> "upgrade_required";
            case 431 -> "header_too_large";
            case 503 -> "unavailable";
            case 505 -> "http_version";
            default -> status < 500 ? "invalid" : "internal";
        };
    }

    private static HttpError fromManager(ManagerException.Code code, String text) {
        return switch (code) {
            case INVALID -> of(400, "invalid", text, "");
            case NOT_FOUND -> of(404, "not_found", text, "");
            case CONFLICT -> of(409, "conflict", text, "");
            case NEVER_FITS -> of(422, "never_fits", text, "");
            case NO_CAPACITY ->
                of(503, "no_capacity", text, "wait and try again, or send waitForCapacity: true to be queued");
            case IMAGE -> of(422, "image", text, "");
            case MOUNT -> of(422, "mount", text, "");
            case UNAVAILABLE -> of(503, "unavailable", text, "./tinyvm doctor says what this host lacks");
            case GONE -> of(410, "gone", text, "");
            case TIMEOUT -> of(504, "timeout", text, "");
            case FAILED -> of(500, "failed", text, "");
        };
    }

    private static HttpError fromEngine(EngineException e) {
        return switch (e.code()) {
            case NOT_FOUND -> of(404, "not_found", text(e), "");
            case GONE -> of(410, "gone", text(e), "");
            case IMAGE -> of(422, "image", text(e), "");
            case MOUNT -> of(422, "mount", text(e), "");
            case LIMIT -> of(503, "limit", text(e), "");
            case UNAVAILABLE -> of(503, "unavailable", text(e), "");
            case INVALID -> of(400, "invalid", text(e), "");
            case TIMEOUT -> of(504, "timeout", text(e), "");
            case PROTOCOL, FAILED -> of(500, "failed", text(e), "");
        };
    }

    private static HttpError fromFile(GuestFileException e) {
        int status = switch (e.code()) {
            case "ENOENT" -> 404;
            case "EACCES", "EPERM", "EROFS" -> 403;
            case "EEXIST", "ENOTEMPTY", "EBUSY" -> 409;
            case "ENOTDIR", "EISDIR", "EINVAL", "ELOOP", "ENAMETOOLONG", "EXDEV" -> 400;
            case "ENOSPC", "EDQUOT", "EFBIG" -> 507;
            default -> 500;
        };
        String code = switch (status) {
            case 404 -> "file_not_found";
            case 403 -> "permission_denied";
            case 409 -> "file_conflict";
            case 507 -> "no_space";
            default -> "file_error";
        };
        return new HttpError(status, code, text(e), "", e.code(), List.of(), Map.of());
    }

    private static String text(Throwable e) {
        String message = e.getMessage();
        return message == null ? e.getClass().getSimpleName() : message;
    }

    public int status() {
        return status;
    }

    public String code() {
        return code;
    }

    public String text() {
        return text;
    }

    /** What to do; empty when there is nothing to say. */
    public String hint() {
        return hint;
    }

    public Map<String, String> headers() {
        return headers;
    }

    /** {@code {"error": {…}}}. */
    public JsonBody body(String requestId) {
        return g -> {
            g.writeStartObject();
            writeInto(g, requestId);
            g.writeEndObject();
        };
    }

    /** Writes the property {@code error}. */
    public void writeInto(tools.jackson.core.JsonGenerator g, String requestId) {
        g.writeObjectPropertyStart("error");
        g.writeStringProperty("code", code);
        g.writeStringProperty("message", text);
        if (!hint.isEmpty()) {
            g.writeStringProperty("hint", hint);
        }
        if (!errno.isEmpty()) {
            g.writeStringProperty("errno", errno);
        }
        g.writeStringProperty("requestId", requestId);
        if (!problems.isEmpty()) {
            g.writeArrayPropertyStart("problems");
            for (Problem problem : problems) {
                g.writeStartObject();
                g.writeStringProperty("path", problem.path());
                g.writeNumberProperty("line", problem.line());
                g.writeNumberProperty("column", problem.column());
                g.writeStringProperty("message", problem.message());
                g.writeEndObject();
            }
            g.writeEndArray();
        }
        g.writeEndObject();
    }
}
