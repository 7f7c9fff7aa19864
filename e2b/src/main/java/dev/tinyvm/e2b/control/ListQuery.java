package dev.tinyvm.e2b.control;

import dev.tinyvm.e2b.E2bError;
import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.e2b.Sandbox;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Which sandboxes a client wants to see, in which order, from where.
 *
 * <p>A page's token names the last sandbox that was given, by start time and id: pages stay right while sandboxes come and go.
 *
 * @param metadata all must match
 * @param states {@code running}, {@code paused}; empty: both
 * @param template id; empty: all
 * @param newestFirst order by start
 */
record ListQuery(
        Map<String, String> metadata,
        Set<String> states,
        Optional<Instant> startedAfter,
        String template,
        boolean newestFirst,
        int limit,
        Optional<Position> after) {
    static final int MAX_LIMIT = 100;

    /** A place in the order. */
    record Position(Instant startedAt, String id) {
        String token() {
            String text = startedAt + "/" + id;
            return Base64.getUrlEncoder().withoutPadding().encodeToString(text.getBytes(StandardCharsets.UTF_8));
        }

        static Position parse(String token) {
            try {
                String text = new String(Base64.getUrlDecoder().decode(token), StandardCharsets.UTF_8);
                int slash = text.indexOf('/');
                if (slash > 0) {
                    return new Position(Instant.parse(text.substring(0, slash)), text.substring(slash + 1));
                }
            } catch (IllegalArgumentException | DateTimeParseException e) {
                // The same answer as for a token without a slash.
            }
            throw new E2bError(400, "nextToken is not one that this server gave");
        }
    }

    /** @param nextToken empty: that was all */
    record Page(List<Sandbox> items, String nextToken, int total) {}

    static ListQuery read(Exchange exchange) {
        Set<String> states = new LinkedHashSet<>();
        for (String value : exchange.queryAll("state")) {
            for (String state : value.split(",", -1)) {
                if (!state.equals("running") && !state.equals("paused")) {
                    throw new E2bError(400, "state must be 'running' or 'paused', not '" + state + "'");
                }
                states.add(state);
            }
        }
        String order = exchange.query("order").orElse("desc");
        if (!order.equals("asc") && !order.equals("desc")) {
            throw new E2bError(400, "order must be 'asc' or 'desc', not '" + order + "'");
        }
        return new ListQuery(
                metadata(exchange.query("metadata").orElse("")),
                states,
                exchange.query("startedAfter").map(ListQuery::instant),
                exchange.query("template").orElse(""),
                order.equals("desc"),
                limit(exchange),
                exchange.query("nextToken").filter(t -> !t.isEmpty()).map(Position::parse));
    }

    /** E2B encodes keys and values once more than the query itself. */
    static Map<String, String> metadata(String text) {
        Map<String, String> metadata = new LinkedHashMap<>();
        Exchange.parseQuery(text)
                .forEach((key, values) -> metadata.put(Exchange.decode(key), Exchange.decode(values.getLast())));
        return metadata;
    }

    Page page(List<Sandbox> all) {
        Comparator<Sandbox> order = Comparator.comparing(Sandbox::startedAt).thenComparing(Sandbox::id);
        if (newestFirst) {
            order = order.reversed();
        }
        List<Sandbox> matching =
                all.stream().filter(this::matches).sorted(order).toList();
        List<Sandbox> items = new ArrayList<>();
        boolean more = false;
        for (Sandbox sandbox : matching) {
            if (after.isPresent() && !isAfter(sandbox, after.get())) {
                continue;
            }
            if (items.size() == limit) {
                more = true;
                break;
            }
            items.add(sandbox);
        }
        String token =
                more ? new Position(items.getLast().startedAt(), items.getLast().id()).token() : "";
        return new Page(items, token, matching.size());
    }

    private boolean matches(Sandbox sandbox) {
        return (states.isEmpty() || states.contains(sandbox.state()))
                && (template.isEmpty() || sandbox.template().id().equals(template))
                && startedAfter.filter(t -> sandbox.startedAt().isBefore(t)).isEmpty()
                && metadata.entrySet().stream()
                        .allMatch(e -> e.getValue().equals(sandbox.metadata().get(e.getKey())));
    }

    private boolean isAfter(Sandbox sandbox, Position position) {
        int order = sandbox.startedAt().compareTo(position.startedAt());
        if (order == 0) {
            order = sandbox.id().compareTo(position.id());
        }
        return newestFirst ? order < 0 : order > 0;
    }

    private static int limit(Exchange exchange) {
        try {
            int limit = exchange.query("limit").map(Integer::parseInt).orElse(MAX_LIMIT);
            if (limit >= 1) {
                return Math.min(limit, MAX_LIMIT);
            }
        } catch (NumberFormatException e) {
            // The same answer as for a number out of range.
        }
        throw new E2bError(400, "limit must be a whole number from 1 to " + MAX_LIMIT);
    }

    private static Instant instant(String text) {
        try {
            return OffsetDateTime.parse(text).toInstant();
        } catch (DateTimeParseException e) {
            throw new E2bError(400, "startedAfter must be a time such as 2026-01-31T12:00:00Z");
        }
    }
}
