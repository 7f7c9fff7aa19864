package dev.tinyvm.e2b.control;

import dev.tinyvm.e2b.E2bError;
import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.e2b.NewSandbox;
import dev.tinyvm.e2b.Sandbox;
import dev.tinyvm.e2b.Sandboxes;
import dev.tinyvm.manager.Manager.VmStats;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.server.http.Authenticator;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonRequest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Answers E2B's control API at the paths that its SDKs and its CLI use. Every request needs a key. */
public final class ControlApi {
    private static final Set<String> FIRST_SEGMENTS = Set.of(
            "sandboxes",
            "templates",
            "teams",
            "snapshots",
            "volumes",
            "volumecontent",
            "secrets",
            "api-keys",
            "access-tokens");
    private static final Set<String> VERSIONS = Set.of("v2", "v3");
    private static final Duration V1_DEFAULT_TIMEOUT = Duration.ofSeconds(15);

    private final Sandboxes sandboxes;
    private final Authenticator authenticator;
    private final TemplateApi templates;
    private final SandboxLogs logs;

    public ControlApi(Sandboxes sandboxes, Authenticator authenticator) {
        this.sandboxes = sandboxes;
        this.authenticator = authenticator;
        this.templates = new TemplateApi(sandboxes);
        this.logs = new SandboxLogs(sandboxes);
    }

    /** Whether a path is one of E2B's. */
    public static boolean owns(String path) {
        List<String> segments = segments(path);
        if (segments.isEmpty()) {
            return false;
        }
        String first = segments.getFirst();
        return FIRST_SEGMENTS.contains(first)
                || (VERSIONS.contains(first) && segments.size() > 1 && FIRST_SEGMENTS.contains(segments.get(1)));
    }

    /** Answers, or throws what {@link E2bError#from} understands. */
    public void serve(Exchange exchange) {
        String caller = authenticate(exchange);
        List<String> path = segments(exchange.path());
        boolean versioned = VERSIONS.contains(path.getFirst());
        String version = versioned ? path.getFirst() : "v1";
        List<String> rest = versioned ? path.subList(1, path.size()) : path;
        switch (rest.getFirst()) {
            case "sandboxes" -> sandboxes(exchange, version, rest, caller);
            case "templates" -> templates.serve(exchange, version, rest);
            case "teams" -> teams(exchange, rest);
            case "snapshots" -> collection(exchange, "snapshots", rest);
            case "volumes" -> collection(exchange, "volumes", rest);
            case "secrets" -> collection(exchange, "secrets", rest);
            case "volumecontent" -> throw E2bError.notBuilt("volumes");
            default -> throw E2bError.notBuilt("managing keys through E2B's API ('./tinyvm key' does it)");
        }
    }

    /** The name of the key. */
    private String authenticate(Exchange exchange) {
        String key = exchange.header("X-API-Key").strip();
        if (key.isEmpty()) {
            String bearer = exchange.header("Authorization");
            key = bearer.regionMatches(true, 0, "Bearer ", 0, 7)
                    ? bearer.substring(7).strip()
                    : "";
        }
        try {
            return authenticator.authenticate(key, exchange.remoteAddress());
        } catch (HttpError e) {
            e.headers().forEach(exchange::header);
            throw E2bError.from(e);
        }
    }

    private void sandboxes(Exchange exchange, String version, List<String> path, String caller) {
        String method = exchange.method();
        if (path.size() == 1) {
            switch (method) {
                case "POST" -> create(exchange, version, caller);
                case "GET" -> list(exchange, version);
                default -> throw wrongMethod(exchange);
            }
            return;
        }
        String id = path.get(1);
        if (path.size() == 2 && method.equals("GET") && id.equals("metrics")) {
            allMetrics(exchange);
        } else if (path.size() == 2) {
            switch (method) {
                case "GET" -> exchange.json(200, SandboxJson.detail(sandboxes.get(id), sandboxes.settings()));
                case "DELETE" -> {
                    sandboxes.kill(id);
                    exchange.empty(204);
                }
                default -> throw wrongMethod(exchange);
            }
        } else if (path.size() == 3) {
            act(exchange, version, id, method + " " + path.get(2));
        } else {
            throw nothingHere(exchange);
        }
    }

    private void act(Exchange exchange, String version, String id, String what) {
        switch (what) {
            case "POST connect" -> connect(exchange, version, id);
            case "POST resume" -> resume(exchange, id);
            case "POST pause" -> {
                sandboxes.pause(id, exchange.json().flag("memory", true));
                exchange.empty(204);
            }
            case "POST timeout" -> {
                sandboxes.setTimeout(
                        id,
                        seconds(exchange.json(), "timeout").orElseThrow(() -> new E2bError(400, "timeout is missing")));
                exchange.empty(204);
            }
            case "POST refreshes" -> {
                sandboxes.extend(id, seconds(exchange.json(), "duration").orElse(V1_DEFAULT_TIMEOUT));
                exchange.empty(204);
            }
            case "PUT network" -> {
                var update = exchange.json();
                sandboxes.setNetwork(id, networkUpdate(update));
                exchange.empty(204);
            }
            case "GET metrics" -> metrics(exchange, id);
            case "GET logs" -> logs.serve(exchange, version, sandboxes.get(id));
            case "POST snapshots" -> {
                sandboxes.get(id);
                throw E2bError.notBuilt("taking snapshots of a sandbox");
            }
            case "POST fork" -> {
                sandboxes.get(id);
                throw E2bError.notBuilt("forking a sandbox");
            }
            default -> throw nothingHere(exchange);
        }
    }

    private void create(Exchange exchange, String version, String caller) {
        Duration otherwise = version.equals("v1") ? V1_DEFAULT_TIMEOUT : Sandboxes.DEFAULT_TIMEOUT;
        Sandbox sandbox = sandboxes.create(NewSandbox.read(exchange.json(), otherwise), caller);
        exchange.json(201, SandboxJson.opened(sandbox, sandboxes.settings()));
    }

    private void list(Exchange exchange, String version) {
        ListQuery query = ListQuery.read(exchange);
        if (version.equals("v1")) {
            query = new ListQuery(
                    query.metadata(),
                    Set.of("running"),
                    Optional.empty(),
                    "",
                    true,
                    Integer.MAX_VALUE,
                    Optional.empty());
        }
        ListQuery.Page page = query.page(sandboxes.all());
        if (!page.nextToken().isEmpty()) {
            exchange.header("X-Next-Token", page.nextToken());
        }
        exchange.header("X-Total-Running", Integer.toString(page.total()));
        exchange.json(200, SandboxJson.list(page.items()));
    }

    private void connect(Exchange exchange, String version, String id) {
        Optional<Duration> timeout = seconds(exchange.json(), "timeout");
        if (timeout.isEmpty() && version.equals("v1")) {
            throw new E2bError(400, "timeout is missing");
        }
        Sandboxes.Connection connection = sandboxes.connect(id, timeout);
        exchange.json(connection.resumed() ? 201 : 200, SandboxJson.opened(connection.sandbox(), sandboxes.settings()));
    }

    private void resume(Exchange exchange, String id) {
        Duration timeout = seconds(exchange.json(), "timeout").orElse(V1_DEFAULT_TIMEOUT);
        Sandboxes.Connection connection = sandboxes.connect(id, Optional.of(timeout));
        if (!connection.resumed()) {
            throw new E2bError(409, "Sandbox '" + id + "' is already running");
        }
        exchange.json(201, SandboxJson.opened(connection.sandbox(), sandboxes.settings()));
    }

    /** No history is kept: the figures of this moment, when they lie within what was asked for. */
    private void metrics(Exchange exchange, String id) {
        Sandbox sandbox = sandboxes.get(id);
        Optional<Instant> start = exchange.query("start").map(ControlApi::unixTime);
        Optional<Instant> end = exchange.query("end").map(ControlApi::unixTime);
        VmStats stats = sandboxes.manager().stats(sandbox.id());
        boolean wanted = start.filter(t -> stats.at().isBefore(t)).isEmpty()
                && end.filter(t -> t.plusSeconds(1).isBefore(stats.at())).isEmpty();
        exchange.json(200, g -> {
            g.writeStartArray();
            if (wanted) {
                SandboxJson.metric(g, sandbox, stats);
            }
            g.writeEndArray();
        });
    }

    private void allMetrics(Exchange exchange) {
        List<Map.Entry<Sandbox, VmStats>> found = new ArrayList<>();
        for (String list : exchange.queryAll("sandbox_ids")) {
            for (String id : list.split(",", -1)) {
                sandboxes.find(id).ifPresent(sandbox -> {
                    try {
                        found.add(Map.entry(sandbox, sandboxes.manager().stats(sandbox.id())));
                    } catch (ManagerException e) {
                        if (e.code() != ManagerException.Code.NOT_FOUND && e.code() != ManagerException.Code.GONE) {
                            throw e;
                        }
                    }
                });
            }
        }
        exchange.json(200, g -> {
            g.writeStartObject();
            g.writeObjectPropertyStart("sandboxes");
            for (Map.Entry<Sandbox, VmStats> one : found) {
                g.writeName(one.getKey().id());
                SandboxJson.metric(g, one.getKey(), one.getValue());
            }
            g.writeEndObject();
            g.writeEndObject();
        });
    }

    private void teams(Exchange exchange, List<String> path) {
        if (path.size() != 1 || !exchange.method().equals("GET")) {
            throw E2bError.notBuilt("team metrics");
        }
        exchange.json(200, g -> {
            g.writeStartArray();
            g.writeStartObject();
            g.writeStringProperty("teamID", "tinyvm");
            g.writeStringProperty("name", "tinyvm");
            g.writeStringProperty("apiKey", "");
            g.writeBooleanProperty("isDefault", true);
            g.writeEndObject();
            g.writeEndArray();
        });
    }

    /** Things that do not exist here: none are listed, none can be made. */
    private static void collection(Exchange exchange, String name, List<String> path) {
        if (path.size() == 1 && exchange.method().equals("GET")) {
            exchange.json(200, g -> {
                g.writeStartArray();
                g.writeEndArray();
            });
            return;
        }
        throw E2bError.notBuilt(name);
    }

    private static tools.jackson.databind.JsonNode networkUpdate(JsonRequest update) {
        var node = tools.jackson.databind.json.JsonMapper.shared().createObjectNode();
        for (String name : List.of("allowOut", "denyOut", "rules", "egressProxy", "allow_internet_access")) {
            update.raw(name).ifPresent(value -> node.set(name, value));
        }
        return node;
    }

    private static Optional<Duration> seconds(JsonRequest json, String name) {
        return json.optionalNumber(name, 0, Duration.ofDays(30).toSeconds()).map(Duration::ofSeconds);
    }

    private static Instant unixTime(String seconds) {
        try {
            return Instant.ofEpochSecond(Long.parseLong(seconds));
        } catch (NumberFormatException e) {
            throw new E2bError(400, "start and end must be times in seconds since 1970");
        }
    }

    static E2bError wrongMethod(Exchange exchange) {
        return new E2bError(405, "there is no " + exchange.method() + " here");
    }

    static E2bError nothingHere(Exchange exchange) {
        return new E2bError(404, "there is nothing at " + exchange.method() + " " + exchange.path());
    }

    private static List<String> segments(String path) {
        List<String> segments = new ArrayList<>(5);
        for (String segment : path.split("/", -1)) {
            if (!segment.isEmpty()) {
                segments.add(Exchange.decode(segment.replace("+", "%2B")));
            }
        }
        return segments;
    }
}
