package dev.tinyvm.server.http;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Finds the route for a method and a path. A tree by path segment; a literal wins over a variable. Filled at start, then only read. */
public final class Router {
    private static final class Node {
        final Map<String, Node> literals = new HashMap<>();

        @Nullable
        Node variable;

        String variableName = "";
        final Map<String, Route> methods = new TreeMap<>();
    }

    /** @param variables by their names in the pattern, decoded */
    public record Match(Route route, Map<String, String> variables) {}

    private final Node root = new Node();
    private final List<Route> routes = new ArrayList<>();

    public void add(Route route) {
        Node node = root;
        for (String segment : segments(route.pattern())) {
            if (segment.startsWith("{")) {
                if (node.variable == null) {
                    node.variable = new Node();
                    node.variable.variableName = segment.substring(1, segment.length() - 1);
                }
                node = node.variable;
            } else {
                node = node.literals.computeIfAbsent(segment, s -> new Node());
            }
        }
        if (node.methods.put(route.method(), route) != null) {
            throw new IllegalArgumentException("two routes for " + route.method() + " " + route.pattern());
        }
        routes.add(route);
    }

    /** All of them, in the order in which they were added. */
    public List<Route> routes() {
        return List.copyOf(routes);
    }

    /**
     * Finds the route.
     *
     * @param path as sent, percent-encoded, without the query
     * @throws HttpError 404 with the nearest path, 405 with {@code Allow}
     */
    public Match match(String method, String path) {
        List<String> segments = new ArrayList<>(8);
        for (String segment : segments(path)) {
            segments.add(PercentCode.decode(segment));
        }
        Map<String, String> variables = new HashMap<>(4);
        Node node = root;
        for (String segment : segments) {
            Node next = node.literals.get(segment);
            if (next == null) {
                next = node.variable;
                if (next == null || segment.isEmpty()) {
                    throw notFound(path, segments);
                }
                variables.put(next.variableName, segment);
            }
            node = next;
        }
        if (node.methods.isEmpty()) {
            throw notFound(path, segments);
        }
        Route route = node.methods.get(method);
        if (route == null && method.equals("HEAD")) {
            route = node.methods.get("GET");
            if (route != null && route.kind() == Route.Kind.STREAM) {
                route = null;
            }
        }
        if (route == null && method.equals("OPTIONS")) {
            String allow = allow(node);
            route = new Route("OPTIONS", "*", Route.Access.OPEN, Route.Kind.PLAIN, call -> {
                call.header("Allow", allow);
                call.empty(204);
            });
        }
        if (route == null) {
            String allow = allow(node);
            throw HttpError.of(
                            405, "method_not_allowed", "there is no " + shown(method) + " here", "use one of: " + allow)
                    .withHeaders(Map.of("Allow", allow));
        }
        return new Match(route, variables);
    }

    private static String allow(Node node) {
        TreeSet<String> methods = new TreeSet<>(node.methods.keySet());
        Route get = node.methods.get("GET");
        if (get != null && get.kind() != Route.Kind.STREAM) {
            methods.add("HEAD");
        }
        methods.add("OPTIONS");
        return String.join(", ", methods);
    }

    private HttpError notFound(String path, List<String> segments) {
        String nearest = "";
        int least = 4;
        for (Route route : routes) {
            List<String> pattern = segments(route.pattern());
            if (pattern.size() != segments.size()) {
                continue;
            }
            int distance = 0;
            for (int i = 0; i < pattern.size() && distance < least; i++) {
                String segment = segments.get(i);
                distance += pattern.get(i).startsWith("{")
                        ? (segment.isEmpty() ? least : 0)
                        : segment.length() > 64 ? least : Nearest.distance(segment, pattern.get(i));
            }
            if (distance < least) {
                least = distance;
                nearest = route.pattern();
            }
        }
        String hint = nearest.isEmpty() ? "GET /api/v1/openapi.yaml lists the paths" : "did you mean " + nearest + "?";
        return HttpError.of(404, "not_found", "there is nothing at " + shown(path), hint);
    }

    private static List<String> segments(String path) {
        List<String> segments = new ArrayList<>(8);
        int start = 1;
        for (int i = 1; i <= path.length(); i++) {
            if (i == path.length() || path.charAt(i) == '/') {
                segments.add(path.substring(start, i));
                start = i + 1;
            }
        }
        return segments;
    }

    private static String shown(String text) {
        return text.length() > 128 ? text.substring(0, 128) + "…" : text;
    }
}
