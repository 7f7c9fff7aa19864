package dev.tinyvm.sdk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The client against the real server: calls that are answered and done. */
@Timeout(120)
class TinyVmClientTest {
    private static final SdkFixture fixture = new SdkFixture();
    private static final TinyVmClient client = fixture.client;

    @AfterAll
    static void close() {
        fixture.close();
    }

    @Test
    void anAgentLivesThroughAllItsVerbs() {
        AgentInfo made = client.apply(SdkFixture.descriptor("verbs"));
        assertThat(made.replicas()).isEqualTo(2);
        assertThat(made.vms()).extracting(VmInfo::name).containsExactly("verbs-0", "verbs-1");
        assertThat(made.descriptorJson()).contains("\"verbs\"");
        assertThat(client.scale("verbs", 3).vms()).hasSize(3);
        assertThat(client.stopAgent("verbs").stopped()).isTrue();
        assertThat(client.startAgent("verbs").running()).isEqualTo(3);
        assertThat(client.restartAgent("verbs").running()).isEqualTo(3);
        assertThat(client.agents()).extracting(AgentInfo::name).contains("verbs");
        assertThat(client.vms(new VmFilter(Map.of("team", "search"), List.of("running"), "verbs")))
                .hasSize(3);
        client.removeAgent("verbs");
        assertThatThrownBy(() -> client.agent("verbs"))
                .isInstanceOfSatisfying(
                        TinyVmException.class, e -> assertThat(e.code()).isEqualTo("not_found"));
    }

    @Test
    void aVmLivesThroughAllItsVerbs() {
        VmInfo made = client.create(new CreateVm(SdkFixture.descriptor("one"), "sdkvm00001", "key-1", false));
        assertThat(made.id()).isEqualTo("sdkvm00001");
        assertThat(made.state()).isEqualTo("running");
        assertThat(made.resources().cpuMillis()).isEqualTo(500);
        assertThat(made.labels()).containsEntry("team", "search");
        assertThat(client.pause("one").state()).isEqualTo("paused");
        assertThat(client.resume("one").state()).isEqualTo("running");
        assertThat(client.resize("one", new Resize(OptionalInt.of(300), OptionalLong.empty(), OptionalInt.empty()))
                        .resources()
                        .cpuMillis())
                .isEqualTo(300);
        assertThat(client.stats("one").resources().cpuMillis()).isEqualTo(300);
        assertThat(client.stats()).extracting(VmStats::id).contains("sdkvm00001");
        assertThat(client.awaitEnd("one", Duration.ZERO).ended()).isFalse();
        assertThat(client.stop("one").state()).isEqualTo("stopped");
        assertThat(client.awaitEnd("one", Duration.ofMinutes(1)).reason()).isEqualTo("StoppedByUser");
        assertThat(client.start("one").live()).isTrue();
        assertThat(client.restart("one").live()).isTrue();
        assertThat(client.vm("one").descriptorJson()).contains("tinyvm.dev/v1");
        client.remove("one");
        assertThatThrownBy(() -> client.vm("one")).hasMessageContaining("one");
    }

    @Test
    void execRunsToTheEnd() {
        String vm = fixture.vm("exec");
        ExecResult result = client.exec(vm, ExecCommand.of("cat").withInput(new byte[] {1, 2, (byte) 0xff}));
        assertThat(result.stdout()).containsExactly(1, 2, 0xff);
        assertThat(client.exec(vm, ExecCommand.of("exit", "3")).shellStatus()).isEqualTo(3);
        assertThat(client.exec(vm, ExecCommand.of("die", "9")).shellStatus()).isEqualTo(137);
        assertThat(client.exec(vm, ExecCommand.of("stderr", "oops")).stderrText())
                .isEqualTo("oops\n");
        ExecResult late = client.exec(vm, ExecCommand.of("stubborn").withTimeout(Duration.ofMillis(300)));
        assertThat(late.timedOut()).isTrue();
        ExecResult env = client.exec(vm, ExecCommand.of("env").withEnv(Map.of("MODE", "fast")));
        assertThat(env.stdoutText()).contains("MODE=fast");
        TinyVmException missing =
                catchThrowableOfType(TinyVmException.class, () -> client.exec(vm, ExecCommand.of("nonesuch")));
        assertThat(missing.code()).isEqualTo("command_not_found");
    }

    @Test
    void filesGoInAndOut() throws IOException {
        String vm = fixture.vm("files");
        VmFiles files = client.files(vm);
        byte[] large = new byte[8 << 20];
        for (int i = 0; i < large.length; i++) {
            large[i] = (byte) (i * 31);
        }
        files.makeDirectory("d/e", 0755, true);
        files.write("d/e/large", new ByteArrayInputStream(large), VmFiles.WriteOptions.REPLACE);
        try (InputStream in = files.read("d/e/large")) {
            assertThat(in.readAllBytes()).isEqualTo(large);
        }
        try (InputStream in = files.read("d/e/large", 5, 3)) {
            assertThat(in.readAllBytes()).containsExactly(large[5], large[6], large[7]);
        }
        assertThat(files.stat("d/e/large", true).size()).isEqualTo(large.length);
        assertThat(files.list("d", 2)).extracting(FileEntry::path).contains("e", "e/large");
        files.chmod("d/e/large", 0600);
        assertThat(files.stat("d/e/large", true).mode()).isEqualTo(0600);
        files.rename("d/e/large", "d/small", false);
        files.remove("d", true);
        TinyVmException missing = catchThrowableOfType(TinyVmException.class, () -> files.stat("d", true));
        assertThat(missing.errno()).isEqualTo("ENOENT");
        assertThat(missing.status()).isEqualTo(404);
        assertThatThrownBy(() -> files.read("d/nothing")).isInstanceOf(TinyVmException.class);
    }

    @Test
    void anUploadThatIsRefusedSaysWhyHoweverLargeItIs() {
        String vm = fixture.vm("refused");
        VmFiles files = client.files(vm);
        TinyVmException e = catchThrowableOfType(
                TinyVmException.class,
                () -> files.write(
                        "/no/such/dir/file",
                        new ByteArrayInputStream(new byte[8 << 20]),
                        VmFiles.WriteOptions.REPLACE));
        assertThat(e.errno()).isEqualTo("ENOENT");
    }

    @Test
    void keysAndTheHostAnswer() {
        ApiKey.Created created = client.createKey("sdk");
        assertThat(created.toString()).doesNotContain(created.secret());
        try (TinyVmClient other = TinyVmClient.of(client.url(), created.secret())) {
            assertThat(other.host().engines()).isNotEmpty();
            client.revokeKey("sdk");
            TinyVmException e = catchThrowableOfType(TinyVmException.class, other::host);
            assertThat(e.status()).isEqualTo(401);
            assertThat(e.hint()).isNotEmpty();
            assertThat(e.requestId()).isNotEmpty();
        }
        assertThat(client.keys()).extracting(ApiKey::name).doesNotContain("sdk");
        assertThat(client.ready()).isTrue();
        assertThat(client.save()).isNotNull();
        assertThat(client.resurrect()).isNotNull();
    }

    @Test
    void aBrokenDescriptorComesBackFieldByField() {
        TinyVmException e = catchThrowableOfType(
                TinyVmException.class,
                () -> client.apply(Descriptor.yaml(dev.tinyvm.server.ServerFixture.descriptor("broken")
                        .replace("replicas: 2", "replicas: lots"))));
        assertThat(e.problems()).isNotEmpty();
        assertThat(e.problems().getFirst().line()).isPositive();
        assertThat(e.problems().getFirst().path()).contains("replicas");
    }

    @Test
    void processesAreListedAndSignalled() throws InterruptedException {
        String vm = fixture.vm("processes");
        try (ExecSession session = client.openExec(vm, ExecCommand.of("sleep", "infinity"))) {
            assertThat(client.processes(vm))
                    .filteredOn(ProcessStatus::running)
                    .extracting(ProcessStatus::processId)
                    .containsExactly(session.processId());
            client.signal(vm, session.processId(), 15);
            assertThat(SdkFixture.drain(session).end().signal()).isEqualTo(15);
        }
    }

    @Test
    void whenNobodyListensTheMessageSaysWhatToDo() throws IOException {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        try (TinyVmClient lonely = TinyVmClient.of("http://127.0.0.1:" + port, "")) {
            TinyVmConnectionException e =
                    catchThrowableOfType(TinyVmConnectionException.class, () -> lonely.vms(VmFilter.ALL));
            assertThat(e).hasMessage("no manager answers at http://127.0.0.1:" + port + "; start one with ./tinyvm up");
            assertThat(e.refused()).isTrue();
            TinyVmConnectionException socket = catchThrowableOfType(
                    TinyVmConnectionException.class, () -> lonely.openExec("x", ExecCommand.of("true")));
            assertThat(socket.refused()).isTrue();
            assertThat(lonely.ready()).isFalse();
        }
    }

    @Test
    void whatIsNoManagerIsSaidToBeNone() throws Exception {
        try (ServerSocket web = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Thread.ofVirtual().start(() -> {
                try (var socket = web.accept()) {
                    socket.getInputStream().read();
                    socket.getOutputStream()
                            .write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"
                                    .getBytes(StandardCharsets.US_ASCII));
                    socket.getInputStream().transferTo(java.io.OutputStream.nullOutputStream());
                } catch (IOException e) {
                    // The test is over.
                }
            });
            try (TinyVmClient lost = TinyVmClient.of("http://127.0.0.1:" + web.getLocalPort(), "")) {
                assertThatThrownBy(lost::host).hasMessageContaining("is not a TinyVM manager");
            }
        }
    }

    @Test
    void aNonsensicalAddressIsRefusedAtOnce() {
        assertThatThrownBy(() -> TinyVmClient.of("localhost:7070", ""))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("http://127.0.0.1:7070");
    }

    @Test
    void logsAreReadAndFollowedToTheirEnd() {
        String vm = fixture.vm("logs");
        fixture.server.manager.log(vm, "one");
        fixture.server.manager.log(vm, "two");
        try (ItemStream<LogEntry> lines = client.logs(vm, new LogFilter(1, Optional.empty(), false))) {
            assertThat(lines.next().text()).isEqualTo("two");
            assertThat(lines.hasNext()).isFalse();
        }
        try (ItemStream<LogEntry> lines = client.logs(vm, new LogFilter(-1, Optional.empty(), true))) {
            assertThat(lines.next().text()).isEqualTo("one");
            assertThat(lines.next().text()).isEqualTo("two");
            fixture.server.manager.log(vm, "three");
            assertThat(lines.next().text()).isEqualTo("three");
            client.remove(vm);
            assertThat(lines.hasNext()).isFalse();
            assertThat(lines.ended()).isTrue();
        }
    }
}
