package dev.tinyvm.guestlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.guestlink.wire.GuestMessage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class GuestLinkTest {
    private final LinkLoop loop = new LinkLoop();
    private final FakeGuest guest = new FakeGuest(true, true);

    @AfterEach
    void close() {
        guest.close();
        loop.close();
    }

    @Test
    void anExecIsOneFrameThereAndTwoBack() throws Exception {
        try (GuestLink link = connect()) {
            GuestProcess process = exec(link, ExecRequest.of("true"));
            guest.send(GuestMessage.EXITED.frame(1).u32(0).u8(0).u64(11).u64(22).finish());
            assertThat(process.next()).isEqualTo(new Output.Exited(0, 0, 11, 22));
            process.close();
            link.setFrozen(false);
            CompletableFuture<?> ping = CompletableFuture.runAsync(link::ping, Thread::startVirtualThread);
            FakeGuest.Frame next = guest.expect(GuestMessage.PING);
            guest.send(GuestMessage.PONG.frame(0).bytes(next.payload(), 0, 8).finish());
            ping.get(60, TimeUnit.SECONDS);
        }
    }

    @Test
    void creditIsGivenBackAsOutputIsTakenAndNotBefore() throws Exception {
        try (GuestLink link = connect()) {
            GuestProcess process = exec(link, ExecRequest.of("spam"));
            byte[] half = new byte[LinkLimits.WINDOW_BYTES / 2];
            guest.send(GuestMessage.STDOUT
                    .frame(1)
                    .u64(0)
                    .bytes(half, 0, half.length - 8)
                    .finish());
            guest.send(GuestMessage.STDOUT
                    .frame(1)
                    .u64(half.length - 8)
                    .bytes(half, 0, 8)
                    .finish());
            int taken = 0;
            while (taken < half.length) {
                taken += ((Output.Stdout) process.next()).bytes().length;
            }
            assertThat(guest.expect(GuestMessage.WINDOW).payload()).isEqualTo(new byte[] {0, 1, 0, 0});
        }
    }

    @Test
    void inputNeverExceedsTheGuestsWindow() throws Exception {
        try (GuestLink link = connect()) {
            ExecRequest cat = new ExecRequest(List.of("cat"), Map.of(), "", "", Optional.empty(), true, "");
            GuestProcess process = exec(link, cat);
            byte[] input = new byte[FakeGuest.WINDOW_BYTES + 100];
            CompletableFuture<?> writing = CompletableFuture.runAsync(
                    () -> process.writeStdin(input, 0, input.length), Thread::startVirtualThread);
            int got = 0;
            while (got < FakeGuest.WINDOW_BYTES) {
                got += guest.expect(GuestMessage.STDIN).payload().length;
            }
            assertThat(got).isEqualTo(FakeGuest.WINDOW_BYTES);
            assertThat(writing).isNotDone();
            guest.send(GuestMessage.WINDOW.frame(1).u32(1000).finish());
            assertThat(guest.expect(GuestMessage.STDIN).payload()).hasSize(100);
            writing.get(60, TimeUnit.SECONDS);
        }
    }

    @Test
    void aWriterThatWaitsIsToldWhenTheProcessEnds() throws Exception {
        try (GuestLink link = connect()) {
            ExecRequest cat = new ExecRequest(List.of("cat"), Map.of(), "", "", Optional.empty(), true, "");
            GuestProcess process = exec(link, cat);
            byte[] input = new byte[FakeGuest.WINDOW_BYTES + 1];
            CompletableFuture<?> writing = CompletableFuture.runAsync(
                    () -> process.writeStdin(input, 0, input.length), Thread::startVirtualThread);
            guest.expect(GuestMessage.STDIN);
            guest.send(GuestMessage.EXITED.frame(1).u32(0).u8(0).u64(0).u64(0).finish());
            assertThatThrownBy(() -> writing.get(60, TimeUnit.SECONDS))
                    .cause()
                    .isInstanceOfSatisfying(
                            EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.GONE));
        }
    }

    @Test
    void errorsBecomeWhatCallersKnow() throws Exception {
        try (GuestLink link = connect()) {
            assertExecFails(link, 2, Code.NOT_FOUND);
            assertExecFails(link, 13, Code.INVALID);
            assertExecFails(link, 11, Code.LIMIT);
            assertExecFails(link, 22, Code.NOT_FOUND);
            assertExecFails(link, 999, Code.FAILED);
        }
    }

    @Test
    void aFrozenLinkRefusesNewWorkAndWaitsForOld() throws Exception {
        try (GuestLink link = connect()) {
            CompletableFuture<GuestProcess> under =
                    CompletableFuture.supplyAsync(() -> link.exec(ExecRequest.of("x")), Thread::startVirtualThread);
            guest.expect(GuestMessage.EXEC);
            link.setFrozen(true);
            assertThatThrownBy(() -> link.exec(ExecRequest.of("y")))
                    .isInstanceOfSatisfying(
                            EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.INVALID))
                    .hasMessageContaining("frozen");
            assertThat(under).isNotDone();
            link.setFrozen(false);
            guest.send(GuestMessage.STARTED.frame(1).u32(1).u32(2).finish());
            assertThat(under.get(60, TimeUnit.SECONDS).pid()).isEqualTo(2);
        }
    }

    @Test
    void aLinkToAFrozenMachineGreetsLater() throws Exception {
        try (FakeGuest silent = new FakeGuest(false, true);
                GuestLink link = GuestLink.connect(loop, silent.socket(), "frozen", true)) {
            silent.expect(GuestMessage.HELLO);
            link.setFrozen(false);
            CompletableFuture<?> list = CompletableFuture.runAsync(link::processes, Thread::startVirtualThread);
            silent.send(FakeGuest.welcome());
            int stream = silent.expect(GuestMessage.LIST).stream();
            silent.send(GuestMessage.PROCESSES.frame(stream).bool(false).u32(0).finish());
            silent.send(GuestMessage.DONE.frame(stream).finish());
            list.get(60, TimeUnit.SECONDS);
        }
    }

    @Test
    void whenTheGuestHangsUpEverybodyIsTold() throws Exception {
        try (GuestLink link = connect()) {
            GuestProcess process = exec(link, ExecRequest.of("x"));
            CompletableFuture<?> list = CompletableFuture.runAsync(link::processes, Thread::startVirtualThread);
            guest.expect(GuestMessage.LIST);
            guest.hangUp();
            assertThat(link.ended().get(60, TimeUnit.SECONDS).kind()).isEqualTo(LinkEnd.Kind.CLOSED_BY_GUEST);
            assertThat(process.next()).isInstanceOf(Output.Lost.class);
            assertThatThrownBy(() -> list.get(60, TimeUnit.SECONDS))
                    .cause()
                    .isInstanceOfSatisfying(
                            EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.GONE));
        }
    }

    @Test
    void aClosedConnectionStillDeliversWhatWasWritten() throws Exception {
        try (GuestLink link = connect()) {
            CompletableFuture<GuestConnection> dialling =
                    CompletableFuture.supplyAsync(() -> link.dial(80), Thread::startVirtualThread);
            int stream = guest.expect(GuestMessage.DIAL).stream();
            guest.send(GuestMessage.DIALED.frame(stream).finish());
            GuestConnection connection = dialling.get(60, TimeUnit.SECONDS);
            connection.output().write(new byte[10]);
            connection.close();
            assertThat(guest.expect(GuestMessage.DATA).payload()).hasSize(10);
            guest.expect(GuestMessage.END);
            assertThatThrownBy(() -> connection.input().read()).isInstanceOf(IOException.class);
            guest.send(GuestMessage.DATA.frame(stream).u8(1).finish());
            guest.expect(GuestMessage.CANCEL);
        }
    }

    @Test
    void manyLinksShareOneThread() throws Exception {
        List<FakeGuest> guests = new ArrayList<>();
        List<GuestLink> links = new ArrayList<>();
        try {
            long before = platformThreads();
            for (int i = 0; i < 200; i++) {
                guests.add(new FakeGuest(true, true));
                links.add(GuestLink.connect(loop, guests.getLast().socket(), "vm-" + i, false));
            }
            assertThat(platformThreads() - before).isLessThan(50);
            for (FakeGuest one : guests) {
                one.hangUp();
            }
            for (GuestLink link : links) {
                assertThat(link.ended().get(60, TimeUnit.SECONDS).kind()).isEqualTo(LinkEnd.Kind.CLOSED_BY_GUEST);
            }
        } finally {
            links.forEach(GuestLink::close);
            guests.forEach(FakeGuest::close);
        }
    }

    private static long platformThreads() {
        return Thread.getAllStackTraces().size();
    }

    private void assertExecFails(GuestLink link, int errno, Code code) throws Exception {
        CompletableFuture<GuestProcess> process =
                CompletableFuture.supplyAsync(() -> link.exec(ExecRequest.of("prog")), Thread::startVirtualThread);
        int stream = guest.expect(GuestMessage.EXEC).stream();
        guest.send(GuestMessage.ERROR.frame(stream).u32(errno).str("because").finish());
        assertThatThrownBy(() -> process.get(60, TimeUnit.SECONDS))
                .cause()
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(code))
                .hasMessageContaining("prog")
                .hasMessageContaining("because");
    }

    private GuestLink connect() {
        return GuestLink.connect(loop, guest.socket(), "tiny", false);
    }

    private GuestProcess exec(GuestLink link, ExecRequest request) throws Exception {
        CompletableFuture<GuestProcess> process =
                CompletableFuture.supplyAsync(() -> link.exec(request), Thread::startVirtualThread);
        int stream = guest.expect(GuestMessage.EXEC).stream();
        guest.send(GuestMessage.STARTED.frame(stream).u32(5).u32(6).finish());
        return process.get(60, TimeUnit.SECONDS);
    }
}
