package dev.tinyvm.server.http;

/**
 * One verb of a door.
 *
 * @param method such as {@code GET}
 * @param pattern such as {@code /api/v1/vms/{vm}}
 * @param access whether a key is needed
 * @param kind how long it takes
 * @param action answers the call
 */
public record Route(String method, String pattern, Access access, Kind kind, Action action) {
    /** Who may call. */
    public enum Access {
        /** Anyone who reaches the port. */
        OPEN,
        /** Holders of a key. */
        KEY
    }

    /** What its latency means. */
    public enum Kind {
        /** Answers and is done. */
        PLAIN,
        /** Goes on for as long as the client likes (server-sent events, WebSocket): no HEAD, no latency figure. */
        STREAM
    }

    /** Answers one call, or throws what {@link HttpError#from} understands. */
    @FunctionalInterface
    public interface Action {
        void run(Call call) throws Exception;
    }

    public static Route of(String method, String pattern, Action action) {
        return new Route(method, pattern, Access.KEY, Kind.PLAIN, action);
    }

    public static Route stream(String pattern, Action action) {
        return new Route("GET", pattern, Access.KEY, Kind.STREAM, action);
    }

    public static Route open(String pattern, Action action) {
        return new Route("GET", pattern, Access.OPEN, Kind.PLAIN, action);
    }
}
