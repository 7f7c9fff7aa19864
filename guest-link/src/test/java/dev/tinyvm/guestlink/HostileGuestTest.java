package dev.tinyvm.guestlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.guestlink.wire.GuestMessage;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A guest that lies, floods or talks nonsense is cut off, and nobody waits for it. */
class HostileGuestTest {
    /** @return the stream on which the guest hands datagrams over */
    private int datagrams(GuestLink link, Function<byte[], Optional<byte[]>> answering) throws Exception {
        CompletableFuture<AutoCloseable> listening =
                CompletableFuture.supplyAsync(() -> link.answerDatagrams(53, answering), Thread::startVirtualThread);
        int stream = guest.expect(GuestMessage.DATAGRAMS).stream();
        guest.send(GuestMessage.WATCHING.frame(stream).finish());
        assertThat(listening.get(60, TimeUnit.SECONDS)).isNotNull();
        return stream;
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private final LinkLoop loop = new LinkLoop();
    private FakeGuest guest = new FakeGuest(true, true);

    @AfterEach
    void close() {
        guest.close();
        loop.close();
    }

    @Test
    void garbageInsteadOfAWelcomeIsAViolation() {
        guest.close();
        guest = new FakeGuest(false, true);
        Thread.startVirtualThread(() -> guest.send(ByteBuffer.wrap(noise(500))));
        assertThatThrownBy(this::connect)
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.PROTOCOL));
    }

    @Test
    void aFrameBeforeTheWelcomeIsAViolation() {
        guest.close();
        guest = new FakeGuest(false, true);
        Thread.startVirtualThread(
                () -> guest.send(GuestMessage.PING.frame(0).u64(1).finish()));
        assertThatThrownBy(this::connect).hasMessageContaining("before WELCOME");
    }

    @Test
    void garbageEndsEverythingThatIsUnderWay() throws Exception {
        try (GuestLink link = connect()) {
            GuestProcess process = started(link);
            guest.send(ByteBuffer.wrap(noise(64 << 10)));
            assertThat(end(link).kind()).isEqualTo(LinkEnd.Kind.PROTOCOL);
            assertThat(process.next()).isInstanceOf(Output.Lost.class);
            assertThatThrownBy(link::processes)
                    .isInstanceOfSatisfying(
                            EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.PROTOCOL));
        }
    }

    @Test
    void anUnknownStreamIsAViolation() throws Exception {
        assertCutOff(GuestMessage.DONE.frame(77).finish(), "unknown stream");
    }

    @Test
    void aSecondWelcomeIsAViolation() throws Exception {
        assertCutOff(FakeGuest.welcome(), "after WELCOME");
    }

    @Test
    void aPongThatNobodyAskedForIsAViolation() throws Exception {
        assertCutOff(GuestMessage.PONG.frame(0).u64(5).finish(), "PONG");
    }

    @Test
    void aConnectionOnAPortOfNobodyIsAViolation() throws Exception {
        assertCutOff(GuestMessage.INBOUND.frame(0x8000_0000).u32(1).u16(80).finish(), "INBOUND");
    }

    @Test
    void bytesLeftOverAreAViolation() throws Exception {
        assertCutOff(GuestMessage.PING.frame(0).u64(5).u8(1).finish(), "left over");
    }

    @Test
    void moreOutputThanTheWindowIsAViolation() throws Exception {
        try (GuestLink link = connect()) {
            GuestProcess process = started(link);
            byte[] bytes = new byte[60_000];
            for (long offset = 0; offset <= LinkLimits.WINDOW_BYTES; offset += bytes.length) {
                guest.send(GuestMessage.STDOUT
                        .frame(1)
                        .u64(offset)
                        .bytes(bytes, 0, bytes.length)
                        .finish());
            }
            assertThat(end(link).detail()).contains("credit");
            assertThat(process.processId()).isEqualTo(5);
        }
    }

    @Test
    void outputWithAGapIsAViolation() throws Exception {
        try (GuestLink link = connect()) {
            assertThat(started(link).pid()).isEqualTo(6);
            guest.send(GuestMessage.STDOUT.frame(1).u64(1).u8('x').finish());
            assertThat(end(link).detail()).contains("offset");
        }
    }

    @Test
    void anImpossibleEndIsAViolation() throws Exception {
        try (GuestLink link = connect()) {
            assertThat(started(link).pid()).isEqualTo(6);
            guest.send(GuestMessage.EXITED.frame(1).u32(300).u8(0).u64(0).u64(0).finish());
            assertThat(end(link).detail()).contains("300");
        }
    }

    @Test
    void aFloodOfDatagramsIsLostBeyondWhatIsAnsweredAtOnceAndDoesNotPileUp() throws Exception {
        CountDownLatch hold = new CountDownLatch(1);
        AtomicInteger answering = new AtomicInteger();
        try (GuestLink link = connect()) {
            int stream = datagrams(link, question -> {
                answering.incrementAndGet();
                awaitQuietly(hold);
                return Optional.of(question);
            });
            byte[] bytes = new byte[4_096];
            for (int i = 0; i < 1_000; i++) {
                guest.send(GuestMessage.DATAGRAM
                        .frame(stream)
                        .u16(40_000)
                        .bytes(bytes, 0, bytes.length)
                        .finish());
                if (i % 31 == 30) {
                    guest.expect(GuestMessage.WINDOW);
                }
            }
            guest.send(GuestMessage.PING.frame(0).u64(5).finish());
            guest.expect(GuestMessage.PONG);
            assertThat(answering).hasValueLessThanOrEqualTo(64);
            hold.countDown();
            assertThat(guest.expect(GuestMessage.DATAGRAM).stream()).isEqualTo(stream);
        }
    }

    @Test
    void aDatagramOfNobodyIsAViolation() throws Exception {
        try (GuestLink link = connect()) {
            int stream = datagrams(link, Optional::of);
            guest.send(GuestMessage.DATAGRAM.frame(stream).u16(0).u8(1).finish());
            assertThat(end(link).detail()).contains("from the port 0");
        }
    }

    @Test
    void endlessListsAreAViolation() throws Exception {
        try (GuestLink link = connect()) {
            CompletableFuture<?> list = CompletableFuture.runAsync(link::processes, Thread::startVirtualThread);
            int stream = guest.expect(GuestMessage.LIST).stream();
            guest.send(GuestMessage.PROCESSES.frame(stream).bool(true).u32(0).finish());
            assertThat(end(link).detail()).contains("without an end");
            assertThatThrownBy(() -> list.get(60, TimeUnit.SECONDS)).hasCauseInstanceOf(EngineException.class);
        }
    }

    @Test
    void aFloodOfPingsWithoutReadingAnAnswerIsCutOff() throws Exception {
        guest.close();
        guest = new FakeGuest(true, false);
        try (GuestLink link = connect()) {
            ByteBuffer many = ByteBuffer.allocate(20 * 1000);
            for (int i = 0; i < 1000; i++) {
                many.put(GuestMessage.PING.frame(0).u64(i).finish());
            }
            guest.flood(many.flip(), 1_000);
            assertThat(end(link).kind()).isEqualTo(LinkEnd.Kind.PROTOCOL);
        }
    }

    @Test
    void framesOnTheirWayAfterACancelAreIgnoredUpToTheCredit() throws Exception {
        try (GuestLink link = connect()) {
            GuestProcess process = started(link);
            process.close();
            guest.expect(GuestMessage.CANCEL);
            guest.send(GuestMessage.STDOUT
                    .frame(1)
                    .u64(0)
                    .bytes(new byte[1000], 0, 1000)
                    .finish());
            guest.send(GuestMessage.EXITED.frame(1).u32(0).u8(0).u64(0).u64(0).finish());
            assertThat(started(link).pid()).isEqualTo(6);
            guest.send(GuestMessage.EXITED.frame(1).u32(0).u8(0).u64(0).u64(0).finish());
            assertThat(end(link).kind()).isEqualTo(LinkEnd.Kind.PROTOCOL);
        }
    }

    @Test
    void manySmallFramesTakeLittleMemory() throws Exception {
        try (GuestLink link = connect()) {
            GuestProcess process = started(link);
            for (int i = 0; i < 20_000; i++) {
                guest.send(GuestMessage.STDOUT.frame(1).u64(i).u8('x').finish());
            }
            guest.send(GuestMessage.EXITED.frame(1).u32(0).u8(0).u64(0).u64(0).finish());
            long bytes = 0;
            int chunks = 0;
            while (process.next() instanceof Output.Stdout output) {
                bytes += output.bytes().length;
                chunks++;
            }
            assertThat(bytes).isEqualTo(20_000);
            assertThat(chunks).isLessThan(20_000);
        }
    }

    @Test
    void anotherLinkIsNotHarmed() throws Exception {
        try (FakeGuest good = new FakeGuest(true, true);
                GuestLink fine = GuestLink.connect(loop, good.socket(), "good", false);
                GuestLink bad = connect()) {
            guest.send(ByteBuffer.wrap(noise(1000)));
            assertThat(end(bad).kind()).isEqualTo(LinkEnd.Kind.PROTOCOL);
            assertAnswers(fine, good);
        }
    }

    @Test
    void randomFramesEndALinkButNeverTheLoop() throws Exception {
        Random random = new Random(11);
        List<GuestMessage> messages = List.copyOf(EnumSet.allOf(GuestMessage.class));
        for (int round = 0; round < 200; round++) {
            try (FakeGuest liar = new FakeGuest(true, true);
                    GuestLink link = GuestLink.connect(loop, liar.socket(), "liar", false)) {
                CompletableFuture<?> list = CompletableFuture.runAsync(link::processes, Thread::startVirtualThread);
                liar.expect(GuestMessage.LIST);
                ByteBuffer frames = ByteBuffer.allocate(64 << 10);
                for (int i = 0; i < 50; i++) {
                    GuestMessage message = messages.get(random.nextInt(messages.size()));
                    byte[] payload = new byte[random.nextInt(60)];
                    if (random.nextBoolean()) {
                        random.nextBytes(payload);
                    }
                    frames.put(message.frame(random.nextInt(3))
                            .bytes(payload, 0, payload.length)
                            .finish());
                }
                liar.flood(frames.flip(), 1);
                liar.hangUp();
                link.ended().get(60, TimeUnit.SECONDS);
                list.handle((ok, failure) -> true).get(60, TimeUnit.SECONDS);
            }
        }
        try (FakeGuest good = new FakeGuest(true, true);
                GuestLink fine = GuestLink.connect(loop, good.socket(), "good", false)) {
            assertAnswers(fine, good);
        }
    }

    @Test
    void closedLinksLeaveNoDescriptors() throws Exception {
        guest.close();
        long before = descriptors();
        for (int round = 0; round < 300; round++) {
            try (FakeGuest one = new FakeGuest(true, true);
                    GuestLink link = GuestLink.connect(loop, one.socket(), "one", false)) {
                assertThat(link.ended()).isNotDone();
            }
        }
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (descriptors() > before + 20 && System.nanoTime() < deadline) {
            Thread.sleep(10);
        }
        assertThat(descriptors()).isLessThanOrEqualTo(before + 20);
    }

    private static long descriptors() throws java.io.IOException {
        try (var open = java.nio.file.Files.list(java.nio.file.Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }

    private static void assertAnswers(GuestLink link, FakeGuest guest) throws Exception {
        CompletableFuture<?> ping = CompletableFuture.runAsync(link::ping, Thread::startVirtualThread);
        FakeGuest.Frame frame = guest.expect(GuestMessage.PING);
        guest.send(GuestMessage.PONG.frame(0).bytes(frame.payload(), 0, 8).finish());
        ping.get(60, TimeUnit.SECONDS);
    }

    private void assertCutOff(ByteBuffer frame, String why) throws Exception {
        try (GuestLink link = connect()) {
            guest.send(frame);
            assertThat(end(link).kind()).isEqualTo(LinkEnd.Kind.PROTOCOL);
            assertThat(end(link).detail()).contains(why).contains("hostile");
        }
    }

    private GuestLink connect() {
        return GuestLink.connect(loop, guest.socket(), "hostile", false);
    }

    private GuestProcess started(GuestLink link) throws Exception {
        CompletableFuture<GuestProcess> process =
                CompletableFuture.supplyAsync(() -> link.exec(ExecRequest.of("x")), Thread::startVirtualThread);
        int stream = guest.expect(GuestMessage.EXEC).stream();
        guest.send(GuestMessage.STARTED.frame(stream).u32(5).u32(6).finish());
        return process.get(60, TimeUnit.SECONDS);
    }

    private static LinkEnd end(GuestLink link) throws Exception {
        return link.ended().get(60, TimeUnit.SECONDS);
    }

    private static byte[] noise(int bytes) {
        byte[] noise = new byte[bytes];
        new Random(7).nextBytes(noise);
        return noise;
    }
}
