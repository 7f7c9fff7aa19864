package dev.tinyvm.sdk;

import static dev.tinyvm.server.ServerFixture.eventually;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.tinyvm.sdk.ExecCommand.Window;
import dev.tinyvm.sdk.ExecSession.Exited;
import dev.tinyvm.sdk.SdkFixture.Said;
import dev.tinyvm.server.ServerFixture;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** WebSocket sessions against the real server. */
@Timeout(180)
class SessionTest {
    private static final SdkFixture fixture = new SdkFixture();
    private static final TinyVmClient client = fixture.client;
    private static final ExecCommand FOREVER = ExecCommand.of("sleep", "infinity");

    @AfterAll
    static void close() {
        fixture.close();
    }

    @Test
    void bothStreamsAndTheExitArrive() throws InterruptedException {
        String vm = fixture.vm("streams");
        ExecCommand command = ExecCommand.of("sh", "-c", "echo out; stderr err; exit 4");
        try (ExecSession session = client.openExec(vm, command)) {
            Said said = SdkFixture.drain(session);
            assertThat(said.out()).isEqualTo("out\n");
            assertThat(said.err()).isEqualTo("err\n");
            assertThat(said.end().exitCode()).isEqualTo(4);
            assertThat(session.next()).isEqualTo(said.end());
        }
    }

    @Test
    void megabytesGoThroughStdinAndBack() throws InterruptedException {
        String vm = fixture.vm("cat");
        byte[] large = new byte[5 << 20];
        for (int i = 0; i < large.length; i++) {
            large[i] = (byte) (i * 7);
        }
        try (ExecSession session = client.openExec(vm, ExecCommand.of("cat").withStdin(true))) {
            Thread writer = Thread.ofVirtual().start(() -> {
                session.write(large);
                session.closeStdin();
            });
            Said said = SdkFixture.drain(session);
            writer.join();
            assertThat(said.stdout().toByteArray()).isEqualTo(large);
            assertThat(said.end().exitCode()).isZero();
        }
    }

    @Test
    void aSignalPassesInputThatNobodyReads() throws InterruptedException {
        String vm = fixture.vm("stuck");
        try (ExecSession session = client.openExec(vm, FOREVER.withStdin(true))) {
            Thread writer = Thread.ofVirtual().start(() -> session.write(new byte[8 << 20]));
            session.signal(15);
            Said said = SdkFixture.drain(session);
            assertThat(said.end().signal()).isEqualTo(15);
            writer.join();
        }
    }

    @Test
    void aClientThatDoesNotReadStallsNobodyElse() throws InterruptedException {
        String vm = fixture.vm("flood");
        try (ExecSession flood = client.openExec(vm, ExecCommand.of("spam", "20000000"))) {
            assertThat(client.exec(vm, ExecCommand.of("echo", "still here")).stdoutText())
                    .isEqualTo("still here\n");
            Said said = SdkFixture.drain(flood);
            assertThat(said.stdout().size()).isEqualTo(20_000_000);
        }
    }

    @Test
    void aTerminalHasASizeThatCanChange() throws InterruptedException {
        String vm = fixture.vm("terminal");
        ExecCommand shell =
                ExecCommand.of("sh").withTerminal(new Window(24, 80)).withStdin(true);
        try (ExecSession session = client.openExec(vm, shell)) {
            session.write("window\n".getBytes(StandardCharsets.UTF_8));
            SdkFixture.awaitOutput(session, "24 80\n");
            session.resize(50, 132);
            // The size is a control frame and overtakes input, never the other way round.
            session.write("window\n".getBytes(StandardCharsets.UTF_8));
            SdkFixture.awaitOutput(session, "50 132\n");
            session.write("exit\n".getBytes(StandardCharsets.UTF_8));
            assertThat(SdkFixture.drain(session).end().exitCode()).isZero();
        }
    }

    @Test
    void closingASessionEndsItsCommand() {
        String vm = fixture.vm("closing");
        client.openExec(vm, FOREVER).close();
        eventually("the command has ended", () -> client.processes(vm).stream().noneMatch(ProcessStatus::running));
    }

    @Test
    void closingASessionKillsACommandThatIgnoresHangup() throws InterruptedException {
        String vm = fixture.vm("nohup");
        fixture.server.manager.host.program("nohup", self -> {
            self.ignoreSignal(1);
            self.out("ready\n");
            self.sleep(Duration.ofDays(1));
            return 0;
        });
        try (ExecSession session = client.openExec(vm, ExecCommand.of("nohup"))) {
            SdkFixture.awaitOutput(session, "ready\n");
        }
        eventually(
                "the command has been killed",
                () -> client.processes(vm).stream().noneMatch(ProcessStatus::running));
    }

    @Test
    void aDetachedCommandGoesOn() throws InterruptedException {
        String vm = fixture.vm("detached");
        int process;
        try (ExecSession session =
                client.openExec(vm, ExecCommand.of("stubborn").withDetach(true))) {
            SdkFixture.awaitOutput(session, "ready\n");
            process = session.processId();
        }
        // A command that is not detached is gone by the time that its successor has been seen to end the same way.
        client.openExec(vm, FOREVER).close();
        eventually(
                "only the detached one runs",
                () -> client.processes(vm).stream()
                        .filter(ProcessStatus::running)
                        .map(ProcessStatus::processId)
                        .toList()
                        .equals(List.of(process)));
    }

    @Test
    void errorsBeforeTheStartHaveTheirCodes() {
        String vm = fixture.vm("errors");
        assertThat(catchThrowableOfType(TinyVmException.class, () -> client.openExec(vm, ExecCommand.of("nonesuch")))
                        .code())
                .isEqualTo("command_not_found");
        TinyVmException noVm = catchThrowableOfType(TinyVmException.class, () -> client.openExec("nowhere", FOREVER));
        assertThat(noVm.code()).isEqualTo("not_found");
        assertThat(noVm.status()).isEqualTo(404);
        try (TinyVmClient stranger = TinyVmClient.of(client.url(), "e2b_wrong")) {
            assertThat(catchThrowableOfType(TinyVmException.class, () -> stranger.openExec(vm, FOREVER))
                            .status())
                    .isEqualTo(401);
        }
    }

    @Test
    void aVmThatEndsUnderACommandIsGoneAndNotAnExit() throws InterruptedException {
        String vm = fixture.vm("vanishing");
        try (ExecSession session = client.openExec(vm, FOREVER)) {
            client.stop(vm);
            assertThatThrownBy(() -> SdkFixture.drain(session))
                    .isInstanceOfSatisfying(
                            TinyVmException.class, e -> assertThat(e.code()).isEqualTo("gone"));
        }
    }

    @Test
    void aManagerThatStopsIsNeverTakenForAnExit() throws InterruptedException {
        try (SdkFixture own = new SdkFixture()) {
            String vm = own.vm("stopping");
            ExecSession session = own.client.openExec(vm, FOREVER);
            ItemStream<VmEvent> events = own.client.events(0, true);
            assertThat(events.next().type()).isEqualTo("vm.started");
            own.server.server.close();
            assertThatThrownBy(session::next).isInstanceOf(TinyVmConnectionException.class);
            assertThatThrownBy(() -> events.hasNext()).isInstanceOf(TinyVmConnectionException.class);
            eventually("the server let go of the streams", () -> own.server.manager.openStreams() == 0);
        }
    }

    @Test
    void aPeerThatIsSilentIsTakenForDead() throws Exception {
        try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Thread.ofVirtual().start(() -> serveOneSilentSocket(listener));
            Transport.Liveness quick = new Transport.Liveness(Duration.ofMillis(100), Duration.ofSeconds(2));
            URI url = URI.create("http://127.0.0.1:" + listener.getLocalPort());
            try (TinyVmClient impatient = new TinyVmClient(new Transport(url, "", quick))) {
                assertThatThrownBy(() -> impatient.openExec("x", FOREVER))
                        .isInstanceOf(TinyVmConnectionException.class)
                        .hasMessageContaining("broke");
            }
        }
    }

    @Test
    void aForegroundVmIsRemovedAfterItsCommand() throws InterruptedException {
        try (RunSession run = client.run(request("run-once", "echo, hello"), message -> {})) {
            assertThat(run.vm().state()).isEqualTo("running");
            Said said = SdkFixture.drain(run);
            assertThat(said.out()).isEqualTo("hello\n");
            assertThat(said.end().exitCode()).isZero();
            assertThat(said.end().reason()).isEmpty();
        }
        eventually("it is gone", () -> absent("run-once"));
    }

    @Test
    void aForegroundVmGoesWithItsConnection() {
        client.run(request("run-closed", "sleep, infinity"), message -> {}).close();
        eventually("it is gone", () -> absent("run-closed"));
    }

    @Test
    void aForegroundVmWithoutItsProgramIsRemovedToo() {
        TinyVmException e = catchThrowableOfType(
                TinyVmException.class, () -> client.run(request("run-missing", "nonesuch"), message -> {}));
        assertThat(e.code()).isEqualTo("command_not_found");
        eventually("it is gone", () -> absent("run-missing"));
    }

    @Test
    void aForegroundVmThatRanOutOfMemorySaysSo() throws InterruptedException {
        try (RunSession run = client.run(request("run-oom", "oom"), message -> {})) {
            Exited end = SdkFixture.drain(run).end();
            assertThat(end.signal()).isEqualTo(9);
            assertThat(end.reason()).isEqualTo("OOMKilled");
            assertThat(end.message()).contains("64 MiB");
        }
    }

    @Test
    void aForegroundVmWaitsForCapacityAndSaysWhy() throws Exception {
        try (SdkFixture own = new SdkFixture()) {
            own.server.manager.full(true);
            List<String> waited = new ArrayList<>();
            try (RunSession run = own.client.run(request("run-later", "echo, at last"), message -> {
                waited.add(message);
                own.server.manager.full(false);
            })) {
                assertThat(SdkFixture.drain(run).out()).isEqualTo("at last\n");
            }
            assertThat(waited).containsExactly("waits for 0.5 CPU");
        }
    }

    @Test
    void aPortInsideIsReached() throws Exception {
        String vm = fixture.vm("ports");
        try (ExecSession server = client.openExec(vm, ExecCommand.of("echo-server", "8080"))) {
            SdkFixture.awaitOutput(server, "ready\n");
            byte[] large = new byte[3 << 20];
            for (int i = 0; i < large.length; i++) {
                large[i] = (byte) (i * 13);
            }
            try (PortConnection connection = client.connect(vm, 8080)) {
                Thread writer = Thread.ofVirtual().start(() -> {
                    try {
                        connection.output().write(large);
                        connection.output().close();
                    } catch (IOException e) {
                        throw new java.io.UncheckedIOException(e);
                    }
                });
                assertThat(connection.input().readAllBytes()).isEqualTo(large);
                writer.join();
            }
        }
        TinyVmException refused = catchThrowableOfType(TinyVmException.class, () -> client.connect(vm, 81));
        assertThat(refused.status()).isEqualTo(404);
        assertThat(catchThrowableOfType(TinyVmException.class, () -> client.connect(vm, 99999))
                        .status())
                .isEqualTo(400);
    }

    @Test
    void changesOfFilesAreSeen() {
        String vm = fixture.vm("watch");
        VmFiles files = client.files(vm);
        files.makeDirectory("w", 0755, true);
        try (ItemStream<FileChange> changes = files.watch("w", false)) {
            files.write("w/new", "x".getBytes(StandardCharsets.UTF_8));
            FileChange change = changes.next();
            while (!change.path().equals("new")) {
                change = changes.next();
            }
            assertThat(change.kind()).isIn("create", "write", "rename");
        }
    }

    private static RunRequest request(String name, String command) {
        String text = ServerFixture.descriptor(name).replace("sleep, infinity", command);
        return new RunRequest(Descriptor.yaml(text), Optional.empty(), false, true);
    }

    private static boolean absent(String vm) {
        return client.vms(VmFilter.ALL).stream().noneMatch(v -> v.name().equals(vm));
    }

    private static void serveOneSilentSocket(ServerSocket listener) {
        try (var socket = listener.accept()) {
            StringBuilder request = new StringBuilder();
            while (request.indexOf("\r\n\r\n") < 0) {
                request.append((char) socket.getInputStream().read());
            }
            String key = request.toString()
                    .lines()
                    .filter(l -> l.toLowerCase(java.util.Locale.ROOT).startsWith("sec-websocket-key:"))
                    .findFirst()
                    .orElseThrow();
            byte[] hash = MessageDigest.getInstance("SHA-1")
                    .digest((key.substring(18).strip() + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
                            .getBytes(StandardCharsets.US_ASCII));
            socket.getOutputStream()
                    .write(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                    + "Sec-WebSocket-Accept: "
                                    + Base64.getEncoder().encodeToString(hash) + "\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            socket.getInputStream().transferTo(java.io.OutputStream.nullOutputStream());
        } catch (IOException | java.security.NoSuchAlgorithmException e) {
            // The client gave up, as it should.
        }
    }
}
