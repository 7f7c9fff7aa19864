package dev.tinyvm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClientCommandsTest {
    private StubManager manager;

    @BeforeEach
    void start() throws Exception {
        manager = new StubManager();
    }

    @AfterEach
    void stop() {
        manager.close();
    }

    @Test
    void psPrintsAlignedColumnsWithTheReasonOfAnEnd() {
        manager.on(
                "GET /api/v1/vms",
                200,
                "{\"vms\":[" + StubManager.vm("aaaa1111", "one", "running", "") + ","
                        + StubManager.vm("bbbb2222", "second", "failed", ",\"exitCode\":-1,\"signal\":9")
                                .replace("\"reason\":\"\"", "\"reason\":\"OOMKilled\"")
                        + "],\"nextToken\":\"\"}");
        CliRun run = CliRun.against(manager, "ps");
        assertThat(run.code()).isZero();
        String[] lines = run.out().split("\n");
        assertThat(lines[0]).startsWith("NAME    ID        IMAGE");
        assertThat(lines[1]).startsWith("one     aaaa1111  host   container  running  0.5    64Mi");
        assertThat(lines[2]).contains("failed").endsWith("OOMKilled (signal 9)");
    }

    @Test
    void psQuietPrintsIdsAlone() {
        manager.on(
                "GET /api/v1/vms",
                200,
                "{\"vms\":[" + StubManager.vm("aaaa1111", "one", "running", "") + "],\"nextToken\":\"\"}");
        assertThat(CliRun.against(manager, "ps", "-q").out()).isEqualTo("aaaa1111\n");
    }

    @Test
    void psJsonIsAnArrayWithoutAbsentFields() {
        manager.on(
                "GET /api/v1/vms",
                200,
                "{\"vms\":[" + StubManager.vm("aaaa1111", "one", "running", "") + "],\"nextToken\":\"\"}");
        String out = CliRun.against(manager, "ps", "--json").out();
        assertThat(out)
                .startsWith("[")
                .contains("\"id\" : \"aaaa1111\"")
                .contains("\"createdAt\" : \"2026-01-01T00:00:00Z\"");
        assertThat(out)
                .doesNotContain("exitCode")
                .doesNotContain("descriptorJson")
                .doesNotContain("null");
    }

    @Test
    void psSendsItsFilters() {
        manager.on("GET /api/v1/vms", 200, "{\"vms\":[],\"nextToken\":\"\"}");
        CliRun.against(manager, "ps", "--state", "running,paused", "-l", "team=search", "--agent", "a");
        assertThat(manager.requests.getFirst())
                .contains("state=running")
                .contains("state=paused")
                .contains("label=team%3Dsearch")
                .contains("agent=a");
    }

    @Test
    void connectionOptionsMayStandBeforeTheCommand() {
        manager.on("GET /api/v1/vms", 200, "{\"vms\":[],\"nextToken\":\"\"}");
        assertThat(CliRun.of(Map.of(), "--url", manager.url(), "ps", "-q").code())
                .isZero();
        assertThat(CliRun.of(Map.of(), "--url=" + manager.url(), "ps", "-q").code())
                .isZero();
    }

    @Test
    void stopActsOnAnAgentElseOnAVm() {
        String agent =
                "{\"name\":\"a\",\"image\":\"host\",\"stopped\":false,\"replicas\":0,\"running\":0,\"createdAt\":\"2026-01-01T00:00:00Z\",\"vms\":[]}";
        manager.on("GET /api/v1/agents/a", 200, agent).on("POST /api/v1/agents/a/stop", 200, agent);
        manager.on("GET /api/v1/vms/one", 200, StubManager.vm("aaaa1111", "one", "running", ""));
        manager.on("POST /api/v1/vms/aaaa1111/stop", 200, StubManager.vm("aaaa1111", "one", "stopped", ""));
        CliRun run = CliRun.against(manager, "stop", "a", "one");
        assertThat(run.code()).isZero();
        assertThat(run.out()).isEqualTo("a\none\n");
        assertThat(manager.requests).contains("POST /api/v1/agents/a/stop", "POST /api/v1/vms/aaaa1111/stop");
    }

    @Test
    void oneFailureOfSeveralIsReportedAndTheOthersAreDone() {
        manager.on("GET /api/v1/vms/one", 200, StubManager.vm("aaaa1111", "one", "running", ""));
        manager.on("DELETE /api/v1/vms/aaaa1111", 204, "");
        CliRun run = CliRun.against(manager, "rm", "ghost", "one");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.out()).isEqualTo("one\n");
        assertThat(run.err()).contains("there is no agent and no Tiny VM 'ghost'");
    }

    @Test
    void anErrorIsPrintedWithItsHint() {
        manager.on(
                "POST /api/v1/keys",
                409,
                "{\"error\":{\"code\":\"conflict\",\"message\":\"a key laptop exists\",\"hint\":\"choose another name\",\"requestId\":\"r1\"}}");
        CliRun run = CliRun.against(manager, "key", "create", "laptop");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).isEqualTo("tinyvm: a key laptop exists\nchoose another name\n");
    }

    @Test
    void keyCreatePrintsTheKeyAlone() {
        manager.on(
                "POST /api/v1/keys",
                201,
                "{\"key\":{\"id\":\"k1\",\"name\":\"laptop\",\"createdAt\":\"2026-01-01T00:00:00Z\"},\"secret\":\"e2b_00\"}");
        assertThat(CliRun.against(manager, "key", "create", "laptop").out()).isEqualTo("e2b_00\n");
    }

    @Test
    void aBrokenDescriptorIsRefusedHereWithFileAndLine(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("agent.yaml");
        Files.writeString(
                file,
                "apiVersion: tinyvm.dev/v1\nkind: Agent\nmetadata: {name: a}\nspec:\n  image: host\n  resources: {cpu: 0.05}\n");
        CliRun run = CliRun.against(manager, "start", file.toString());
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains(file + ":6: spec.resources.cpu: ");
        assertThat(manager.requests).isEmpty();
    }

    @Test
    void startSendsTheDescriptorWithTheGivenReplicas(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("agent.yaml");
        Files.writeString(
                file,
                "apiVersion: tinyvm.dev/v1\nkind: Agent\nmetadata: {name: a}\nspec: {image: host, command: [sleep, '9']}\n");
        manager.on(
                "PUT /api/v1/agents",
                200,
                "{\"name\":\"a\",\"image\":\"host\",\"stopped\":false,\"replicas\":8,\"running\":1,\"createdAt\":\"2026-01-01T00:00:00Z\",\"vms\":["
                        + StubManager.vm("aaaa1111", "a-0", "running", "") + ","
                        + StubManager.vm("bbbb2222", "a-1", "pending", "") + "]}");
        CliRun run = CliRun.against(manager, "start", file.toString(), "--replicas", "8");
        assertThat(run.code()).isZero();
        assertThat(manager.bodies.getFirst()).contains("\"replicas\": 8");
        assertThat(run.err()).contains("1 of 8 must wait");
    }

    @Test
    void logsOfAnAgentAreMergedByTimeWithTheVmsName() {
        manager.on(
                "GET /api/v1/agents/a",
                200,
                "{\"name\":\"a\",\"image\":\"host\",\"stopped\":false,\"replicas\":2,\"running\":2,\"createdAt\":\"2026-01-01T00:00:00Z\",\"vms\":["
                        + StubManager.vm("aaaa1111", "a-0", "running", "") + ","
                        + StubManager.vm("bbbb2222", "a-1", "running", "") + "]}");
        manager.stream(
                "GET /api/v1/vms/aaaa1111/logs",
                "data: {\"at\":\"2026-01-01T00:00:01Z\",\"stream\":\"stdout\",\"text\":\"first\"}\n\ndata: {\"at\":\"2026-01-01T00:00:03Z\",\"stream\":\"stdout\",\"text\":\"third\"}\n\nevent: end\ndata: {}\n\n");
        manager.stream(
                "GET /api/v1/vms/bbbb2222/logs",
                "data: {\"at\":\"2026-01-01T00:00:02Z\",\"stream\":\"stdout\",\"text\":\"second\"}\n\nevent: end\ndata: {}\n\n");
        assertThat(CliRun.against(manager, "logs", "a").out()).isEqualTo("a-0 | first\na-1 | second\na-0 | third\n");
    }

    @Test
    void resizeNeedsSomethingToChangeAndChecksQuantities() {
        assertThat(CliRun.against(manager, "resize", "one").code()).isEqualTo(2);
        CliRun wrong = CliRun.against(manager, "resize", "one", "--cpu", "0.05");
        assertThat(wrong.code()).isEqualTo(2);
        assertThat(wrong.err()).contains("--cpu: ");
    }

    @Test
    void execWithoutACommandIsAUsageError() {
        CliRun run = CliRun.against(manager, "exec", "one", "--");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains("tinyvm exec one -- ls -l");
    }

    @Test
    void execInAVmThatIsNotThereEndsWith125() {
        assertThat(CliRun.against(manager, "exec", "ghost", "--", "true").code())
                .isEqualTo(125);
    }

    @Test
    void monitNeedsATerminal() {
        CliRun run = CliRun.against(manager, "monit");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).contains("needs a terminal").contains("tinyvm stats");
    }

    @Test
    void cpTellsAPlaceInsideFromAPathHere() {
        assertThat(CpCommand.Place.parse("vm:/tmp/x")).contains(new CpCommand.Place("vm", "/tmp/x"));
        assertThat(CpCommand.Place.parse("vm:")).contains(new CpCommand.Place("vm", "."));
        assertThat(CpCommand.Place.parse("./odd:name")).isEmpty();
        assertThat(CpCommand.Place.parse("/a/b:c")).isEmpty();
        assertThat(CliRun.against(manager, "cp", "a", "b").code()).isEqualTo(2);
        assertThat(CliRun.against(manager, "cp", "x:a", "y:b").code()).isEqualTo(2);
    }
}
