package dev.tinyvm.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.server.ServerFixture.Answer;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The native API as its callers see it. */
@Timeout(120)
class ApiTest {
    private static final ServerFixture fixture = new ServerFixture();

    @AfterAll
    static void close() {
        fixture.close();
    }

    @Test
    void withoutAKeyOnlyHealthAndTheDocumentAreServed() {
        assertThat(anonymous("/healthz")).isEqualTo(200);
        assertThat(anonymous("/api/v1/openapi.yaml")).isEqualTo(200);
        assertThat(anonymous("/metrics")).isEqualTo(401);
        assertThat(anonymous("/api/v1/vms")).isEqualTo(401);
        assertThat(anonymous("/api/v1/run")).isEqualTo(401);
        Answer wrong = fixture.send("GET", "/api/v1/vms", "", "", "Authorization", "Bearer e2b_wrong");
        assertThat(wrong.code()).isEqualTo("unauthorized");
        assertThat(wrong.json().path("error").path("hint").asString("")).contains("key create");
        assertThat(wrong.body()).doesNotContain("e2b_wrong");
    }

    @Test
    void aKeyIsAcceptedInEitherHeaderUntilItIsRevoked() {
        String secret = fixture.post("/api/v1/keys", "{\"name\":\"ci\"}")
                .json()
                .path("secret")
                .asString("");
        assertThat(fixture.send("GET", "/api/v1/host", "", "", "Authorization", "Bearer " + secret)
                        .status())
                .isEqualTo(200);
        assertThat(fixture.send("GET", "/api/v1/host", "", "", "Authorization", "bearer " + secret)
                        .status())
                .isEqualTo(200);
        assertThat(fixture.get("/api/v1/keys").body()).doesNotContain(secret);
        assertThat(fixture.send("DELETE", "/api/v1/keys/ci", "", "").status()).isEqualTo(204);
        assertThat(fixture.send("GET", "/api/v1/host", "", "", "Authorization", "Bearer " + secret)
                        .status())
                .isEqualTo(401);
    }

    @Test
    void aSaneRequestIdComesBackAndAnyOtherIsReplaced() {
        assertThat(fixture.send("GET", "/api/v1/nothing", "", "", "X-Request-Id", "abc-1.2_3")
                        .json()
                        .path("error")
                        .path("requestId")
                        .asString(""))
                .isEqualTo("abc-1.2_3");
        assertThat(fixture.send("GET", "/healthz", "", "", "X-Request-Id", "<script>")
                        .header("X-Request-Id"))
                .matches("r[0-9a-f]{16}");
    }

    @Test
    void anUnknownPathNamesTheNearest() {
        Answer answer = fixture.post("/api/v1/vms/abc/excec", "{}");
        assertThat(answer.status()).isEqualTo(404);
        assertThat(answer.json().path("error").path("hint").asString("")).contains("/api/v1/vms/{vm}/exec");
        assertThat(fixture.get("/").status()).isEqualTo(404);
        assertThat(fixture.get("/api/v1/vms/").status()).isEqualTo(404);
    }

    @Test
    void aWrongMethodNamesTheRightOnes() {
        Answer answer = fixture.send("PUT", "/api/v1/vms", "application/json", "{}");
        assertThat(answer.status()).isEqualTo(405);
        assertThat(answer.header("Allow")).isEqualTo("GET, HEAD, OPTIONS, POST");
        Answer options = fixture.send("OPTIONS", "/api/v1/vms", "", "");
        assertThat(options.status()).isEqualTo(204);
        assertThat(options.header("Allow")).isEqualTo("GET, HEAD, OPTIONS, POST");
        Answer head = fixture.send("HEAD", "/api/v1/host", "", "");
        assertThat(head.status()).isEqualTo(200);
        assertThat(head.body()).isEmpty();
        assertThat(fixture.send("HEAD", "/api/v1/events", "", "").status()).isEqualTo(405);
    }

    @Test
    void aBrokenDescriptorComesBackWithPathAndLine() {
        String text = ServerFixture.descriptor("broken").replace("image: host", "imagee: host");
        Answer answer = fixture.send("POST", "/api/v1/vms", "application/yaml", text);
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.code()).isEqualTo("invalid_descriptor");
        var problem = answer.json().path("error").path("problems").path(0);
        assertThat(problem.path("path").asString("")).contains("spec");
        assertThat(problem.path("line").asInt(0)).isEqualTo(4);
        assertThat(problem.path("message").asString("")).contains("image");
    }

    @Test
    void aDescriptorInsideOfJsonHasProblemsWithoutLines() {
        Answer answer = fixture.post(
                "/api/v1/vms", "{\"descriptor\":{\"apiVersion\":\"tinyvm.dev/v1\",\"kind\":\"Agent\",\"spec\":{}}}");
        assertThat(answer.code()).isEqualTo("invalid_descriptor");
        assertThat(answer.json()
                        .path("error")
                        .path("problems")
                        .path(0)
                        .path("line")
                        .asInt(-1))
                .isZero();
    }

    @Test
    void aVmIsMadeFromYamlJsonAndTheLongForm() {
        String json =
                "{\"apiVersion\":\"tinyvm.dev/v1\",\"kind\":\"Agent\",\"metadata\":{\"name\":\"j1\"},\"spec\":{\"image\":\"host\"}}";
        assertThat(fixture.post("/api/v1/vms", json).status()).isEqualTo(201);
        Answer chosen =
                fixture.post("/api/v1/vms", "{\"id\":\"chosen0001\",\"descriptor\":" + json.replace("j1", "j2") + "}");
        assertThat(chosen.status()).isEqualTo(201);
        assertThat(chosen.json().path("id").asString("")).isEqualTo("chosen0001");
        assertThat(chosen.header("Location")).isEqualTo("/api/v1/vms/chosen0001");
        assertThat(fixture.post("/api/v1/vms", "{\"id\":\"chosen0001\",\"descriptor\":" + json + "}")
                        .status())
                .isEqualTo(409);
        Answer yaml = fixture.post(
                "/api/v1/vms", "{\"descriptor\":\"apiVersion: tinyvm.dev/v1\\nkind: Agent\\nspec: {image: host}\"}");
        assertThat(yaml.status()).isEqualTo(201);
    }

    @Test
    void theSameIdempotencyKeyMakesOneVm() {
        String text = ServerFixture.descriptor("once");
        Answer first = fixture.send("POST", "/api/v1/vms", "application/yaml", text, "Idempotency-Key", "k1");
        Answer second = fixture.send("POST", "/api/v1/vms", "application/yaml", text, "Idempotency-Key", "k1");
        assertThat(second.json().path("id")).isEqualTo(first.json().path("id"));
    }

    @Test
    void aFullHostQueuesOrRefusesAsAsked() {
        try (ServerFixture own = new ServerFixture()) {
            own.manager.full(true);
            Answer queued = own.send("POST", "/api/v1/vms", "application/yaml", ServerFixture.descriptor("later"));
            assertThat(queued.status()).isEqualTo(202);
            assertThat(queued.json().path("state").asString("")).isEqualTo("pending");
            Answer refused = own.post(
                    "/api/v1/vms",
                    "{\"waitForCapacity\":false,\"descriptor\":{\"apiVersion\":\"tinyvm.dev/v1\",\"kind\":\"Agent\",\"spec\":{\"image\":\"host\"}}}");
            assertThat(refused.status()).isEqualTo(503);
            assertThat(refused.code()).isEqualTo("no_capacity");
        }
    }

    @Test
    void listsArePaged() {
        try (ServerFixture own = new ServerFixture()) {
            for (int i = 0; i < 5; i++) {
                own.vm("paged-" + i);
            }
            Answer page = own.get("/api/v1/vms?limit=3");
            assertThat(page.json().path("vms").size()).isEqualTo(3);
            String token = page.json().path("nextToken").asString("");
            Answer rest = own.get("/api/v1/vms?limit=3&pageToken=" + token);
            assertThat(rest.json().path("vms").size()).isEqualTo(2);
            assertThat(rest.json().path("nextToken").asString("x")).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "[] | must be a JSON object, not a list",
                "{\"command\":\"ls\"} | command must be a list of strings, not a string",
                "{\"command\":[1]} | command[0] must be a string",
                "{\"command\":[]} | command is missing",
                "{\"command\":[\"a\"],\"env\":{\"A\":1}} | env.A must be a string",
                "{\"command\":[\"a\"],\"timeoutMillis\":\"soon\"} | timeoutMillis must be a whole number",
                "{\"command\":[\"a\"],\"timeoutMillis\":0} | timeoutMillis must be from 1",
                "{\"command\":[\"a\"],\"timeoutMillis\":1.5} | with a fraction",
                "{\"command\":[\"a\"],\"comand\":1} | did you mean 'command'",
                "{\"command\":[\"a\\u0000b\"]} | without NUL",
                "{\"command\":[\"a\"],\"stdinBase64\":\"%\"} | not base64",
                "{\"command\":[\"a\"]} x | not JSON",
                "{ | not JSON at line 1",
            })
    void wrongTypesInJsonAreNamed(String body, String message) {
        String vm = fixture.vm("wrong-types");
        Answer answer = fixture.post("/api/v1/vms/" + vm + "/exec", body);
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.json().path("error").path("message").asString("")).contains(message);
        fixture.send("DELETE", "/api/v1/vms/" + vm, "", "");
    }

    @ParameterizedTest
    @ValueSource(strings = {"..%20", "%20", "a'%3bdrop", "%3Cscript%3E", "~", "%F0%9F%98%80"})
    void anOddIdIsSimplyNotThere(String id) {
        assertThat(fixture.get("/api/v1/vms/" + id).status()).isEqualTo(404);
        assertThat(fixture.get("/api/v1/agents/" + id).status()).isEqualTo(404);
    }

    @Test
    void bodiesThatAreTooLargeOrOfTheWrongTypeAreRefused() {
        String large = "#" + "x".repeat(2 << 20);
        assertThat(fixture.send("POST", "/api/v1/vms", "application/yaml", large)
                        .status())
                .isEqualTo(413);
        assertThat(fixture.send("POST", "/api/v1/vms", "text/html", "x").status())
                .isEqualTo(415);
        assertThat(fixture.send("POST", "/api/v1/keys", "text/plain", "{}").status())
                .isEqualTo(415);
        String deep = "[".repeat(2000) + "]".repeat(2000);
        assertThat(fixture.post("/api/v1/keys", "{\"name\":" + deep + "}").status())
                .isEqualTo(400);
    }

    @Test
    void execReturnsTextBase64AndWhatItCost() {
        String vm = fixture.vm("exec");
        Answer text = fixture.post("/api/v1/vms/" + vm + "/exec", "{\"command\":[\"echo\",\"grüße\"]}");
        assertThat(text.json().path("stdout").asString("")).isEqualTo("grüße\n");
        assertThat(text.json().path("stdoutEncoding").asString("")).isEqualTo("utf-8");
        String raw = Base64.getEncoder().encodeToString(new byte[] {(byte) 0xff, 0, (byte) 0xfe});
        Answer binary =
                fixture.post("/api/v1/vms/" + vm + "/exec", "{\"command\":[\"cat\"],\"stdinBase64\":\"" + raw + "\"}");
        assertThat(binary.json().path("stdout").asString("")).isEqualTo(raw);
        assertThat(binary.json().path("stdoutEncoding").asString("")).isEqualTo("base64");
        Answer code = fixture.post("/api/v1/vms/" + vm + "/exec", "{\"command\":[\"exit\",\"7\"]}");
        assertThat(code.json().path("exitCode").asInt(-9)).isEqualTo(7);
        Answer missing = fixture.post("/api/v1/vms/" + vm + "/exec", "{\"command\":[\"no-such-program\"]}");
        assertThat(missing.status()).isEqualTo(404);
        assertThat(missing.code()).isEqualTo("command_not_found");
        assertThat(fixture.post("/api/v1/vms/nowhere/exec", "{\"command\":[\"true\"]}")
                        .code())
                .isEqualTo("not_found");
    }

    @Test
    void execKeepsSoMuchOutputAndSaysThatThereWasMore() {
        String vm = fixture.vm("spam");
        Answer answer = fixture.post(
                "/api/v1/vms/" + vm + "/exec", "{\"command\":[\"spam\",\"3000000\"],\"maxOutputBytes\":100000}");
        assertThat(answer.json().path("stdout").asString("")).hasSize(100_000);
        assertThat(answer.json().path("stdoutTruncated").asBoolean(false)).isTrue();
        assertThat(answer.json().path("stderrTruncated").asBoolean(true)).isFalse();
        assertThat(answer.json().path("exitCode").asInt(-9)).isZero();
    }

    @Test
    void aCharacterThatTheBoundCutsInTwoIsLeftOut() {
        String vm = fixture.vm("cut");
        Answer answer =
                fixture.post("/api/v1/vms/" + vm + "/exec", "{\"command\":[\"echo\",\"aü\"],\"maxOutputBytes\":2}");
        assertThat(answer.json().path("stdout").asString("")).isEqualTo("a");
        assertThat(answer.json().path("stdoutEncoding").asString("")).isEqualTo("utf-8");
    }

    @Test
    void execKillsWhatTakesTooLong() {
        String vm = fixture.vm("slow");
        Answer answer =
                fixture.post("/api/v1/vms/" + vm + "/exec", "{\"command\":[\"stubborn\"],\"timeoutMillis\":300}");
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        assertThat(answer.json().path("timedOut").asBoolean(false)).isTrue();
        assertThat(answer.json().path("signal").asInt(0)).isEqualTo(9);
    }

    @Test
    void aFileErrorCarriesItsErrno() {
        String vm = fixture.vm("files");
        Answer missing = fixture.get("/api/v1/vms/" + vm + "/files?path=/nowhere");
        assertThat(missing.status()).isEqualTo(404);
        assertThat(missing.json().path("error").path("errno").asString("")).isEqualTo("ENOENT");
        assertThat(fixture.get("/api/v1/vms/" + vm + "/files").status()).isEqualTo(400);
        assertThat(fixture.send("PUT", "/api/v1/vms/" + vm + "/files?path=x&mode=9", "", "x")
                        .status())
                .isEqualTo(400);
    }

    @Test
    void logsComeAsLinesTextOrEvents() {
        String vm = fixture.vm("logs");
        fixture.manager.log(vm, "one");
        fixture.manager.log(vm, "two");
        String path = "/api/v1/vms/" + vm + "/logs";
        assertThat(fixture.get(path).body().lines().count()).isEqualTo(2);
        assertThat(fixture.send("GET", path + "?tail=1", "", "", "Accept", "text/plain")
                        .body())
                .isEqualTo("two\n");
        String events =
                fixture.send("GET", path, "", "", "Accept", "text/event-stream").body();
        assertThat(events).contains("\"text\":\"one\"").endsWith("event: end\ndata: {}\n\n");
        assertThat(fixture.get(path + "?since=yesterday").status()).isEqualTo(400);
    }

    @Test
    void eventsGoOnAfterTheLastOneSeen() {
        fixture.vm("events");
        String all = fixture.get("/api/v1/events").body();
        assertThat(all).contains("id: 1\n");
        String later = fixture.send("GET", "/api/v1/events", "", "", "Last-Event-ID", "1")
                .body();
        assertThat(later).doesNotContain("id: 1\n");
        assertThat(fixture.send("GET", "/api/v1/events", "", "", "Last-Event-ID", "x")
                        .status())
                .isEqualTo(400);
    }

    @Test
    void changesOfFilesAreStreamed() throws Exception {
        String vm = fixture.vm("watched");
        fixture.post("/api/v1/vms/" + vm + "/files/mkdir", "{\"path\":\"w\"}");
        HttpRequest request = HttpRequest.newBuilder(
                        URI.create(fixture.server.url() + "/api/v1/vms/" + vm + "/files/watch?path=w"))
                .header("X-API-Key", ServerFixture.LOCAL_KEY)
                .build();
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(
                fixture.http
                        .send(request, HttpResponse.BodyHandlers.ofInputStream())
                        .body(),
                StandardCharsets.UTF_8))) {
            fixture.send("PUT", "/api/v1/vms/" + vm + "/files?path=w/new&atomic=false", "", "x");
            String line = lines.readLine();
            while (!line.startsWith("data: ")) {
                line = lines.readLine();
            }
            assertThat(line).contains("\"path\":\"new\"");
        }
    }

    @Test
    void metricsCountStatesAndRequests() {
        fixture.vm("metered");
        String metrics = fixture.get("/metrics").body();
        assertThat(metrics).contains("tinyvm_vms{state=\"running\"}");
        assertThat(metrics).contains("tinyvm_vm_memory_bytes{vm=\"");
        assertThat(fixture.get("/metrics").body())
                .contains("tinyvm_http_requests_total{route=\"/metrics\",method=\"GET\",status=\"200\"}")
                .contains(
                        "tinyvm_http_request_duration_seconds_bucket{route=\"/api/v1/vms\",method=\"POST\",le=\"+Inf\"}");
    }

    @Test
    void shutdownAnswersFirst() throws Exception {
        try (ServerFixture own = new ServerFixture()) {
            assertThat(own.post("/api/v1/shutdown?keep=true", "").status()).isEqualTo(202);
            assertThat(own.shutdown.get(60, java.util.concurrent.TimeUnit.SECONDS))
                    .isTrue();
        }
    }

    private static int anonymous(String path) {
        return fixture.send("GET", path, "", "", "Authorization", "").status();
    }
}
