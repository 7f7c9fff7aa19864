package dev.tinyvm.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import dev.tinyvm.manager.Manager.Deadline;
import dev.tinyvm.server.ServerFixture.Answer;
import java.io.InputStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** The OpenAPI document and the code say the same. */
class OpenApiContractTest {
    private static final Set<String> METHODS = Set.of("get", "put", "post", "delete", "patch");
    private static ServerFixture fixture = new ServerFixture();
    private static JsonNode document = new YAMLMapper().createObjectNode();
    private static final Set<String> checked = new HashSet<>();

    @BeforeAll
    static void read() throws Exception {
        try (InputStream in = TinyVmServer.class.getResourceAsStream("openapi.yaml")) {
            document = new YAMLMapper().readTree(in);
        }
    }

    @AfterAll
    static void close() {
        fixture.close();
    }

    private void checkCheckpoints(String vm) {
        String path = "/api/v1/vms/" + vm + "/checkpoints";
        for (String body : List.of("{\"name\":\"warm\"}", "{\"name\":\"warm\"}", "", "{\"nam\":\"x\"}")) {
            check("POST", "/api/v1/vms/{vm}/checkpoints", fixture.post(path, body));
        }
        check("GET", "/api/v1/checkpoints", fixture.get("/api/v1/checkpoints"));
        assertThat(fixture.get("/api/v1/checkpoints").json().path("checkpoints").size())
                .isEqualTo(2);
        check("GET", "/api/v1/checkpoints/{checkpoint}", fixture.get("/api/v1/checkpoints/warm"));
        check("GET", "/api/v1/checkpoints/{checkpoint}", fixture.get("/api/v1/checkpoints/none"));
        for (String body : List.of("{\"count\":3,\"name\":\"copy\"}", "", "{\"count\":0}", "{\"count\":101}")) {
            check(
                    "POST",
                    "/api/v1/checkpoints/{checkpoint}/restore",
                    fixture.post("/api/v1/checkpoints/warm/restore", body));
        }
        check(
                "POST",
                "/api/v1/checkpoints/{checkpoint}/restore",
                fixture.post("/api/v1/checkpoints/none/restore", "{}"));
        for (int i = 0; i < 2; i++) {
            check(
                    "DELETE",
                    "/api/v1/checkpoints/{checkpoint}",
                    fixture.send("DELETE", "/api/v1/checkpoints/warm", "", ""));
        }
    }

    @Test
    void everyRouteIsInTheDocumentAndEveryOperationHasARoute() {
        Set<String> documented = new TreeSet<>();
        document.path("paths")
                .properties()
                .forEach(path -> path.getValue().propertyNames().forEach(method -> {
                    if (METHODS.contains(method)) {
                        documented.add(method.toUpperCase(Locale.ROOT) + " " + path.getKey());
                    }
                }));
        Set<String> routed = new TreeSet<>();
        fixture.server.routes().forEach(route -> routed.add(route.method() + " " + route.pattern()));
        assertThat(routed).isEqualTo(documented);
    }

    @Test
    void openRoutesAreThoseThatTheDocumentCallsOpen() {
        Set<String> documented = new TreeSet<>();
        document.path("paths")
                .properties()
                .forEach(path -> path.getValue().properties().forEach(operation -> {
                    if (operation.getValue().has("security")
                            && operation.getValue().path("security").isEmpty()) {
                        documented.add(operation.getKey().toUpperCase(Locale.ROOT) + " " + path.getKey());
                    }
                }));
        Set<String> routed = new TreeSet<>();
        fixture.server.routes().stream()
                .filter(route -> route.access() == dev.tinyvm.server.http.Route.Access.OPEN)
                .forEach(route -> routed.add(route.method() + " " + route.pattern()));
        assertThat(routed).isEqualTo(documented);
    }

    @Test
    void everyReferenceInTheDocumentLeadsSomewhere() {
        List<String> broken = new ArrayList<>();
        references(document, broken);
        assertThat(broken).isEmpty();
    }

    @Test
    void liveAnswersAreAsTheDocumentSays() {
        String yaml = ServerFixture.descriptor("contract");
        check("PUT", "/api/v1/agents", fixture.send("PUT", "/api/v1/agents", "application/yaml", yaml));
        check("GET", "/api/v1/agents", fixture.get("/api/v1/agents"));
        check("GET", "/api/v1/agents/{agent}", fixture.get("/api/v1/agents/contract"));
        check("GET", "/api/v1/agents/{agent}", fixture.get("/api/v1/agents/nobody"));
        check(
                "PUT",
                "/api/v1/agents/{agent}",
                fixture.send("PUT", "/api/v1/agents/contract", "application/yaml", yaml));
        check("PUT", "/api/v1/agents/{agent}", fixture.send("PUT", "/api/v1/agents/other", "application/yaml", yaml));
        for (String verb : List.of("stop", "start", "restart")) {
            check("POST", "/api/v1/agents/{agent}/" + verb, fixture.post("/api/v1/agents/contract/" + verb, ""));
        }
        check(
                "POST",
                "/api/v1/agents/{agent}/scale",
                fixture.post("/api/v1/agents/contract/scale", "{\"replicas\":1}"));
        check("DELETE", "/api/v1/agents/{agent}", fixture.send("DELETE", "/api/v1/agents/contract", "", ""));

        Answer made = fixture.send("POST", "/api/v1/vms", "application/yaml", ServerFixture.descriptor("single"));
        check("POST", "/api/v1/vms", made);
        String vm = made.json().path("id").asString("");
        check("GET", "/api/v1/vms", fixture.get("/api/v1/vms?limit=1&state=running&label=team=search"));
        check("GET", "/api/v1/vms", fixture.get("/api/v1/vms?state=nonsense"));
        fixture.manager.setDeadline(vm, Optional.of(new Deadline(Instant.now(), Deadline.Action.PAUSE)));
        check("GET", "/api/v1/vms/{vm}", fixture.get("/api/v1/vms/" + vm));
        for (String verb : List.of("pause", "resume", "stop", "start", "restart")) {
            check("POST", "/api/v1/vms/{vm}/" + verb, fixture.post("/api/v1/vms/" + vm + "/" + verb, ""));
        }
        check("GET", "/api/v1/vms/{vm}/network", fixture.get("/api/v1/vms/" + vm + "/network"));
        Answer changed = fixture.send(
                "PUT",
                "/api/v1/vms/" + vm + "/network",
                "application/json",
                "{\"egress\":[{\"host\":\"example.org\",\"ports\":[443]},{\"cidr\":\"10.0.0.0/8\",\"deny\":true}]}");
        check("PUT", "/api/v1/vms/{vm}/network", changed);
        assertThat(changed.json().path("egress").path(0).path("host").asString(""))
                .isEqualTo("example.org");
        Answer wrong = fixture.send(
                "PUT", "/api/v1/vms/" + vm + "/network", "application/json", "{\"egress\":[{\"hosts\":\"x\"}]}");
        check("PUT", "/api/v1/vms/{vm}/network", wrong);
        assertThat(wrong.status()).isEqualTo(400);
        assertThat(wrong.body()).contains("did you mean `host`");
        String plug = "/api/v1/vms/" + vm + "/network/interface";
        String plugPath = "/api/v1/vms/{vm}/network/interface";
        check("GET", plugPath, fixture.get(plug));
        assertThat(fixture.get(plug).status()).as("none yet").isEqualTo(404);
        check("POST", plugPath, fixture.post(plug, ""));
        Answer twice = fixture.post(plug, "");
        check("POST", plugPath, twice);
        assertThat(twice.status()).isEqualTo(409);
        Answer plugged = fixture.get(plug);
        check("GET", plugPath, plugged);
        assertThat(plugged.json().path("address").asString("")).isEqualTo("100.118.0.3/31");
        Answer rules = fixture.get("/api/v1/vms/" + vm + "/network");
        check("GET", "/api/v1/vms/{vm}/network", rules);
        assertThat(rules.json().path("interface").asString("")).isEqualTo("routed");
        check("DELETE", plugPath, fixture.send("DELETE", plug, "", ""));
        Answer none = fixture.send("DELETE", plug, "", "");
        check("DELETE", plugPath, none);
        assertThat(none.status()).isEqualTo(404);
        check("GET", "/api/v1/vms/{vm}/egress", fixture.get("/api/v1/vms/" + vm + "/egress?lines=5"));
        check(
                "PATCH",
                "/api/v1/vms/{vm}/resources",
                fixture.send("PATCH", "/api/v1/vms/" + vm + "/resources", "application/json", "{\"cpu\":\"0.3\"}"));
        check(
                "POST",
                "/api/v1/vms/{vm}/volumes",
                fixture.post(
                        "/api/v1/vms/" + vm + "/volumes",
                        "{\"name\":\"notes\",\"mountPath\":\"/notes\",\"size\":\"1Gi\"}"));
        for (String bad : List.of(
                "{\"mountPath\":\"/x\"}",
                "{\"name\":\"../x\",\"mountPath\":\"/x\"}",
                "{\"name\":\"x\",\"hostPath\":\"/x\",\"mountPath\":\"/x\"}",
                "{\"name\":\"x\",\"mountPath\":\"/proc/x\"}",
                "{\"name\":\"x\",\"mountPath\":\"/a/../b\"}",
                "{\"name\":\"x\",\"mountPath\":\"/\"}",
                "{\"hostPath\":\"relative\",\"mountPath\":\"/x\"}",
                "{\"name\":\"x\",\"mountPath\":\"/x\",\"size\":\"big\"}")) {
            Answer refused = fixture.post("/api/v1/vms/" + vm + "/volumes", bad);
            check("POST", "/api/v1/vms/{vm}/volumes", refused);
            assertThat(refused.status()).as(bad).isEqualTo(400);
        }
        check(
                "DELETE",
                "/api/v1/vms/{vm}/volumes",
                fixture.send("DELETE", "/api/v1/vms/" + vm + "/volumes?mountPath=/notes&force=true", "", ""));
        check(
                "DELETE",
                "/api/v1/vms/{vm}/volumes",
                fixture.send("DELETE", "/api/v1/vms/" + vm + "/volumes?mountPath=/none", "", ""));
        checkCheckpoints(vm);
        check("POST", "/api/v1/volumes", fixture.post("/api/v1/volumes", "{\"name\":\"notes\",\"size\":\"2Gi\"}"));
        check("POST", "/api/v1/volumes", fixture.post("/api/v1/volumes", "{\"name\":\"notes\"}"));
        check("GET", "/api/v1/volumes", fixture.get("/api/v1/volumes"));
        check("GET", "/api/v1/volumes/{volume}", fixture.get("/api/v1/volumes/notes"));
        check("GET", "/api/v1/volumes/{volume}", fixture.get("/api/v1/volumes/none"));
        check(
                "PATCH",
                "/api/v1/volumes/{volume}",
                fixture.send("PATCH", "/api/v1/volumes/notes", "application/json", "{\"size\":\"4Gi\"}"));
        String archive = "/api/v1/volumes/notes/archive";
        for (String content : List.of("x".repeat(1_024), "no tar")) {
            check(
                    "PUT",
                    "/api/v1/volumes/{volume}/archive",
                    fixture.send("PUT", archive, "application/x-tar", content));
        }
        assertThat(fixture.get(archive).body()).isEqualTo("x".repeat(1_024));
        check("GET", "/api/v1/volumes/{volume}/archive", fixture.get(archive));
        check("GET", "/api/v1/volumes/{volume}/archive", fixture.get("/api/v1/volumes/none/archive"));
        check("DELETE", "/api/v1/volumes/{volume}", fixture.send("DELETE", "/api/v1/volumes/notes", "", ""));
        check("GET", "/api/v1/vms/{vm}/wait", fixture.get("/api/v1/vms/" + vm + "/wait?timeout=1ms"));
        check("GET", "/api/v1/vms/{vm}/stats", fixture.get("/api/v1/vms/" + vm + "/stats"));
        check("GET", "/api/v1/stats", fixture.get("/api/v1/stats"));
        inside(vm);
        check("DELETE", "/api/v1/vms/{vm}", fixture.send("DELETE", "/api/v1/vms/" + vm, "", ""));

        check("POST", "/api/v1/keys", fixture.post("/api/v1/keys", "{\"name\":\"contract\"}"));
        check("GET", "/api/v1/keys", fixture.get("/api/v1/keys"));
        check("DELETE", "/api/v1/keys/{key}", fixture.send("DELETE", "/api/v1/keys/contract", "", ""));
        check("GET", "/api/v1/bill", fixture.get("/api/v1/bill?by=label=team&since=2026-01-31T12:00:00Z&vm=x"));
        check("GET", "/api/v1/bill", fixture.get("/api/v1/bill?by=nonsense"));
        check("GET", "/api/v1/usage", fixture.get("/api/v1/usage?after=7&limit=2&agent=researcher"));
        check("GET", "/api/v1/host", fixture.get("/api/v1/host"));
        check("POST", "/api/v1/save", fixture.post("/api/v1/save", ""));
        check("POST", "/api/v1/resurrect", fixture.post("/api/v1/resurrect", ""));
        check("GET", "/api/v1/openapi.yaml", fixture.get("/api/v1/openapi.yaml"));
        check("GET", "/healthz", fixture.get("/healthz"));
        check("GET", "/metrics", fixture.get("/metrics"));
        check("POST", "/api/v1/shutdown", fixture.post("/api/v1/shutdown?keep=true", ""));

        Set<String> unchecked = new TreeSet<>();
        fixture.server.routes().forEach(route -> {
            String name = route.method() + " " + route.pattern();
            if (!checked.contains(name)) {
                unchecked.add(name);
            }
        });
        // WebSockets and endless streams have tests of their own.
        assertThat(unchecked).containsExactly("GET /api/v1/vms/{vm}/files/watch");
    }

    private static void inside(String vm) {
        String base = "/api/v1/vms/" + vm;
        check("POST", "/api/v1/vms/{vm}/exec", fixture.post(base + "/exec", "{\"command\":[\"echo\",\"hi\"]}"));
        check("POST", "/api/v1/vms/{vm}/exec", fixture.post(base + "/exec", "{\"command\":[]}"));
        check("GET", "/api/v1/vms/{vm}/exec", fixture.get(base + "/exec"));
        check("GET", "/api/v1/vms/{vm}/ports/{port}", fixture.get(base + "/ports/80"));
        check("GET", "/api/v1/run", fixture.get("/api/v1/run"));
        check("GET", "/api/v1/vms/{vm}/processes", fixture.get(base + "/processes"));
        check(
                "POST",
                "/api/v1/vms/{vm}/processes/{process}/signal",
                fixture.post(base + "/processes/9999/signal", "{\"signal\":15}"));
        String files = "/api/v1/vms/{vm}/files";
        check("PUT", files, fixture.send("PUT", base + "/files?path=a.txt", "application/octet-stream", "hello"));
        check("GET", files, fixture.get(base + "/files?path=a.txt"));
        check("GET", files, fixture.get(base + "/files?path=missing.txt"));
        check("GET", files + "/stat", fixture.get(base + "/files/stat?path=a.txt"));
        check("GET", files + "/list", fixture.get(base + "/files/list?path=."));
        check("POST", files + "/mkdir", fixture.post(base + "/files/mkdir", "{\"path\":\"d\",\"mode\":\"0700\"}"));
        check("POST", files + "/rename", fixture.post(base + "/files/rename", "{\"from\":\"a.txt\",\"to\":\"b.txt\"}"));
        check("POST", files + "/chmod", fixture.post(base + "/files/chmod", "{\"path\":\"b.txt\",\"mode\":\"0600\"}"));
        check("DELETE", files, fixture.send("DELETE", base + "/files?path=b.txt", "", ""));
        fixture.manager.log(vm, "a line");
        check("GET", "/api/v1/vms/{vm}/logs", fixture.get(base + "/logs"));
        check("GET", "/api/v1/events", fixture.get("/api/v1/events"));
    }

    private static void check(String method, String pattern, Answer answer) {
        checked.add(method + " " + pattern);
        JsonNode operation = document.path("paths").path(pattern).path(method.toLowerCase(Locale.ROOT));
        JsonNode responses = operation.path("responses");
        String status = Integer.toString(answer.status());
        JsonNode response = resolve(responses.has(status) ? responses.path(status) : responses.path("default"));
        assertThat(answer.status() < 300 ? responses.has(status) : !response.isMissingNode())
                .as("%s %s may answer %s: %s", method, pattern, status, answer.body())
                .isTrue();
        assertThat(answer.header("X-Request-Id")).isNotEmpty();
        String type = answer.header("Content-Type");
        int semicolon = type.indexOf(';');
        String media = semicolon < 0 ? type : type.substring(0, semicolon);
        if (media.isEmpty()) {
            assertThat(answer.body()).isEmpty();
            return;
        }
        JsonNode content = response.path("content").path(media);
        assertThat(content.isMissingNode())
                .as("%s %s answers %s with %s", method, pattern, status, media)
                .isFalse();
        List<String> values = switch (media) {
            case "application/json" -> List.of(answer.body());
            case "application/x-ndjson" -> answer.body().lines().toList();
            case "text/event-stream" ->
                answer.body()
                        .lines()
                        .filter(l -> l.startsWith("data: {\""))
                        .map(l -> l.substring("data: ".length()))
                        .toList();
            default -> List.of();
        };
        for (String value : values) {
            assertThat(schema(content.path("schema")).validate(value, InputFormat.JSON))
                    .as("%s %s: %s", method, pattern, value)
                    .isEmpty();
        }
    }

    private static Schema schema(JsonNode node) {
        ObjectNode whole = ServerFixture.JSON.createObjectNode();
        whole.set("components", document.path("components"));
        node.properties().forEach(e -> whole.set(e.getKey(), e.getValue()));
        return SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
                .getSchema(whole.toString(), InputFormat.JSON);
    }

    private static JsonNode resolve(JsonNode node) {
        return node.has("$ref") ? document.at(node.path("$ref").asString("").substring(1)) : node;
    }

    private static void references(JsonNode node, List<String> broken) {
        if (node.has("$ref")) {
            if (resolve(node).isMissingNode()) {
                broken.add(node.path("$ref").asString(""));
            }
        }
        node.forEach(child -> references(child, broken));
    }
}
