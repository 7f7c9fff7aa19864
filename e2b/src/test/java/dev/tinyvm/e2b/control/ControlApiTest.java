package dev.tinyvm.e2b.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.e2b.DoorFixture;
import dev.tinyvm.e2b.DoorFixture.Answer;
import dev.tinyvm.e2b.DoorFixture.Opened;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ControlApiTest {
    @TempDir
    Path directory;

    private DoorFixture door;

    @BeforeEach
    void open() {
        door = new DoorFixture(directory);
    }

    @AfterEach
    void close() {
        door.close();
    }

    @Test
    void aSandboxIsMadeSeenAndKilled() {
        Opened sandbox = door.create("{\"templateID\":\"base\",\"metadata\":{\"a\":\"b c\"},\"timeout\":60}");
        Answer info = door.control("GET", "/sandboxes/" + sandbox.id(), "");
        assertThat(info.status()).isEqualTo(200);
        assertThat(info.json().path("state").asString()).isEqualTo("running");
        assertThat(info.json().path("metadata").path("a").asString()).isEqualTo("b c");
        assertThat(info.json().path("lifecycle").path("onTimeout").asString()).isEqualTo("kill");

        assertThat(door.control("DELETE", "/sandboxes/" + sandbox.id(), "").status())
                .isEqualTo(204);
        Answer gone = door.control("GET", "/sandboxes/" + sandbox.id(), "");
        assertThat(gone.status()).isEqualTo(404);
        assertThat(gone.json().path("code").asInt()).isEqualTo(404);
        assertThat(door.control("DELETE", "/sandboxes/" + sandbox.id(), "").status())
                .isEqualTo(404);
    }

    @Test
    void withoutTheRightKeyNothingIsAnsweredAndTheErrorHasE2bsShape() {
        Answer none = door.send(door.request("/v2/sandboxes"));
        assertThat(none.status()).isEqualTo(401);
        assertThat(none.json().path("code").asInt()).isEqualTo(401);
        Answer wrong = door.send(door.request("/v2/sandboxes").header("X-API-KEY", "e2b_wrong"));
        assertThat(wrong.status()).isEqualTo(401);
        assertThat(wrong.json().path("message").asString()).contains("not known");
    }

    @Test
    void pathsOfTheNativeApiAreLeftAlone() {
        assertThat(door.send(door.request("/api/v1/vms")).text()).doesNotContain("\"code\":");
        assertThat(ControlApi.owns("/api/v1/vms")).isFalse();
        assertThat(ControlApi.owns("/")).isFalse();
        assertThat(ControlApi.owns("/v2/sandboxes/x/connect")).isTrue();
        assertThat(ControlApi.owns("/templates")).isTrue();
    }

    @Test
    void connectExtendsTheTimeoutAndNeverShortensIt() {
        Opened sandbox = door.create("{\"templateID\":\"base\",\"timeout\":300}");
        Instant before = endAt(sandbox);
        assertThat(connect(sandbox, "{\"timeout\":10}").status()).isEqualTo(200);
        assertThat(endAt(sandbox)).isEqualTo(before);
        assertThat(connect(sandbox, "{}").status()).isEqualTo(200);
        assertThat(endAt(sandbox)).isEqualTo(before);
        assertThat(connect(sandbox, "{\"timeout\":900}").status()).isEqualTo(200);
        assertThat(endAt(sandbox)).isAfter(before.plus(Duration.ofMinutes(5)));
    }

    @Test
    void setTimeoutMovesTheEndBothWays() {
        Opened sandbox = door.create("{\"templateID\":\"base\",\"timeout\":300}");
        Instant before = endAt(sandbox);
        assertThat(timeout(sandbox, 100).status()).isEqualTo(204);
        assertThat(endAt(sandbox)).isBefore(before.minusSeconds(100));
        assertThat(timeout(sandbox, 1000).status()).isEqualTo(204);
        assertThat(endAt(sandbox)).isAfter(before.plusSeconds(500));
        assertThat(timeout(sandbox, -1).status()).isEqualTo(400);
    }

    @Test
    void aSandboxIsGoneWhenItsTimeoutHasPassed() throws InterruptedException {
        Opened sandbox = door.create("{\"templateID\":\"base\",\"timeout\":300}");
        timeout(sandbox, 0);
        assertThat(door.control("GET", "/sandboxes/" + sandbox.id(), "").status())
                .isEqualTo(404);
        assertThat(door.send(door.envd(sandbox, "/health")).status()).isEqualTo(502);
        long give = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (door.host.ids().contains(sandbox.id()) && System.nanoTime() < give) {
            Thread.sleep(20);
        }
        assertThat(door.host.ids()).doesNotContain(sandbox.id());
    }

    @Test
    void aPausedSandboxAnswers502AndComesBackWithConnect() {
        Opened sandbox = door.create();
        assertThat(pause(sandbox).status()).isEqualTo(204);
        assertThat(pause(sandbox).status()).isEqualTo(409);
        assertThat(door.send(door.envd(sandbox, "/health")).status()).isEqualTo(502);
        assertThat(info(sandbox).json().path("state").asString()).isEqualTo("paused");
        assertThat(timeout(sandbox, 10).status()).isEqualTo(409);
        Answer resumed = connect(sandbox, "{\"timeout\":60}");
        assertThat(resumed.status()).isEqualTo(201);
        assertThat(resumed.json().path("envdAccessToken").asString()).isEqualTo(sandbox.token());
        assertThat(door.send(door.envd(sandbox, "/health")).status()).isEqualTo(204);
        Answer again = door.control("POST", "/sandboxes/" + sandbox.id() + "/resume", "{\"timeout\":60}");
        assertThat(again.status()).isEqualTo(409);
    }

    @Test
    void aRequestWakesASandboxThatWasMadeToResumeByItself() {
        Opened sandbox = door.create("{\"templateID\":\"base\",\"autoPause\":true,\"autoResume\":{\"enabled\":true}}");
        pause(sandbox);
        assertThat(door.send(door.envd(sandbox, "/health")).status()).isEqualTo(204);
        assertThat(info(sandbox).json().path("state").asString()).isEqualTo("running");
        assertThat(info(sandbox).json().path("lifecycle").path("onTimeout").asString())
                .isEqualTo("pause");
    }

    @Test
    void listsAreFilteredByMetadataAndStateAndPagedNewestFirst() {
        List<String> made = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            made.add(door.create("{\"templateID\":\"base\",\"metadata\":{\"run\":\"x y&z\"}}")
                    .id());
        }
        door.create();
        // As the SDK does it: each key and value encoded, then the query, then the parameter.
        String query = "/v2/sandboxes?limit=2&metadata=run%3Dx%252520y%252526z";
        Answer first = door.control("GET", query, "");
        assertThat(ids(first)).containsExactlyElementsOf(made.reversed().subList(0, 2));
        String token = first.header("X-Next-Token");
        assertThat(token).isNotEmpty();
        Answer second = door.control("GET", query + "&nextToken=" + token, "");
        assertThat(ids(second)).containsExactly(made.getFirst());
        assertThat(second.header("X-Next-Token")).isEmpty();

        door.control("POST", "/sandboxes/" + made.getFirst() + "/pause", "");
        assertThat(ids(door.control("GET", "/v2/sandboxes?state=paused", ""))).containsExactly(made.getFirst());
        assertThat(ids(door.control("GET", "/v2/sandboxes?state=running,paused", "")))
                .hasSize(4);
        assertThat(ids(door.control("GET", "/sandboxes", ""))).hasSize(3).doesNotContain(made.getFirst());
        assertThat(door.control("GET", "/v2/sandboxes?state=dead", "").status()).isEqualTo(400);
        assertThat(door.control("GET", "/v2/sandboxes?nextToken=%21", "").status())
                .isEqualTo(400);
    }

    @Test
    void templatesExistUnderTheirNames() {
        assertThat(door.control("GET", "/templates/aliases/base", "").status()).isEqualTo(200);
        assertThat(door.control("GET", "/templates/aliases/nope", "").status()).isEqualTo(404);
        assertThat(door.control("GET", "/templates", "").json().size()).isGreaterThanOrEqualTo(2);
        Answer unknown = door.control("POST", "/v2/sandboxes", "{\"templateID\":\"nope\"}");
        assertThat(unknown.status()).isEqualTo(404);
        assertThat(unknown.json().path("message").asString()).contains("nope").contains("base");
    }

    @Test
    void whatIsNotBuiltNamesTheFeature() {
        Opened sandbox = door.create();
        Answer snapshot = door.control("POST", "/sandboxes/" + sandbox.id() + "/snapshots", "{}");
        assertThat(snapshot.status()).isEqualTo(501);
        assertThat(snapshot.json().path("message").asString()).contains("snapshot");
        assertThat(door.control("POST", "/v3/templates", "{}").status()).isEqualTo(501);
        assertThat(door.control("POST", "/volumes", "{\"name\":\"v\"}").status())
                .isEqualTo(501);
        Answer volumes = door.control(
                "POST",
                "/v2/sandboxes",
                "{\"templateID\":\"base\",\"volumeMounts\":[{\"name\":\"v\",\"path\":\"/v\"}]}");
        assertThat(volumes.status()).isEqualTo(501);
        assertThat(volumes.json().path("message").asString()).contains("volumes");
    }

    @Test
    void metricsAndTeamsAreThere() {
        Opened sandbox = door.create();
        Answer metrics = door.control("GET", "/sandboxes/" + sandbox.id() + "/metrics", "");
        assertThat(metrics.json().get(0).path("memTotal").asLong()).isEqualTo(512L << 20);
        Answer all = door.control("GET", "/sandboxes/metrics?sandbox_ids=" + sandbox.id() + ",nope", "");
        assertThat(all.json().path("sandboxes").size()).isEqualTo(1);
        assertThat(door.control("GET", "/teams", "")
                        .json()
                        .get(0)
                        .path("isDefault")
                        .asBoolean())
                .isTrue();
    }

    @Test
    void networkSettingsAreKeptAndShown() {
        Opened sandbox = door.create(
                "{\"templateID\":\"base\",\"network\":{\"maskRequestHost\":\"h:${PORT}\",\"denyOut\":[\"8.8.8.8\"]}}");
        assertThat(door.control("PUT", "/sandboxes/" + sandbox.id() + "/network", "{\"allowOut\":[\"1.1.1.1\"]}")
                        .status())
                .isEqualTo(204);
        var network = info(sandbox).json().path("network");
        assertThat(network.path("maskRequestHost").asString()).isEqualTo("h:${PORT}");
        assertThat(network.path("allowOut").get(0).asString()).isEqualTo("1.1.1.1");
        assertThat(network.has("denyOut")).isFalse();
    }

    private static List<String> ids(Answer answer) {
        List<String> ids = new ArrayList<>();
        answer.json().forEach(s -> ids.add(s.path("sandboxID").asString()));
        return ids;
    }

    private Instant endAt(Opened sandbox) {
        return Instant.parse(info(sandbox).json().path("endAt").asString());
    }

    private Answer info(Opened sandbox) {
        return door.control("GET", "/sandboxes/" + sandbox.id(), "");
    }

    private Answer connect(Opened sandbox, String body) {
        return door.control("POST", "/v2/sandboxes/" + sandbox.id() + "/connect", body);
    }

    private Answer pause(Opened sandbox) {
        return door.control("POST", "/sandboxes/" + sandbox.id() + "/pause", "{}");
    }

    private Answer timeout(Opened sandbox, int seconds) {
        return door.control("POST", "/sandboxes/" + sandbox.id() + "/timeout", "{\"timeout\":" + seconds + "}");
    }
}
