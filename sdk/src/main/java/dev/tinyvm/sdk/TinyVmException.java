package dev.tinyvm.sdk;

import java.util.List;

/** The manager answered with an error. Its message is for people; its code is for programs. */
public final class TinyVmException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final int status;
    private final String code;
    private final String hint;
    private final String requestId;
    private final String errno;
    private final transient List<Problem> problems;

    /**
     * @param status HTTP status; 0 when the error came through an open session
     * @param code such as {@code not_found}
     * @param message what was attempted and what was wrong
     * @param hint what to do; may be empty
     * @param requestId to find the request in the manager's log; may be empty
     * @param errno name of the Linux error of a file operation, such as {@code ENOENT}; else empty
     * @param problems what is wrong with a descriptor, field by field
     */
    public TinyVmException(
            int status,
            String code,
            String message,
            String hint,
            String requestId,
            String errno,
            List<Problem> problems) {
        super(message);
        this.status = status;
        this.code = code;
        this.hint = hint;
        this.requestId = requestId;
        this.errno = errno;
        this.problems = List.copyOf(problems);
    }

    public int status() {
        return status;
    }

    public String code() {
        return code;
    }

    /** The message alone, never null. */
    public String message() {
        String text = getMessage();
        return text == null ? code : text;
    }

    public String hint() {
        return hint;
    }

    public String requestId() {
        return requestId;
    }

    public String errno() {
        return errno;
    }

    public List<Problem> problems() {
        return problems;
    }

    /**
     * One thing that is wrong with a descriptor.
     *
     * @param path such as {@code spec.resources.cpu}
     * @param line from 1; 0 when unknown
     * @param column from 1; 0 when unknown
     */
    public record Problem(String path, int line, int column, String message) {}
}
