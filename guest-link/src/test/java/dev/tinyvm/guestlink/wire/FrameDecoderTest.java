package dev.tinyvm.guestlink.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class FrameDecoderTest {
    @Test
    void aStreamCutAnywhereGivesTheSameFrames() throws Exception {
        byte[] stream = someFrames();
        List<String> whole = decode(stream, stream.length);
        assertThat(whole).hasSize(4);
        for (int cut = 1; cut < stream.length; cut++) {
            assertThat(decode(stream, cut)).as("cut at " + cut).isEqualTo(whole);
        }
        assertThat(decode(stream, 0)).as("byte by byte").isEqualTo(whole);
    }

    @Test
    void theLargestPayloadIsAcceptedAndOneByteMoreRefused() throws Exception {
        byte[] most = new byte[WireLimits.MAX_PAYLOAD_BYTES];
        ByteBuffer frame = new FrameWriter(9, 1).bytes(most, 0, most.length).finish();
        byte[] bytes = new byte[frame.remaining()];
        frame.get(bytes);
        assertThat(decode(bytes, 100)).hasSize(1);
        bytes[3] = 1;
        assertThatThrownBy(() -> decode(bytes, bytes.length))
                .isInstanceOf(WireException.class)
                .hasMessageContaining("65537");
    }

    @Test
    void negativeLengthsAndReservedBitsAreRefusedBeforeThePayloadCame() {
        byte[] negative = new byte[12];
        negative[0] = (byte) 0xff;
        assertThatThrownBy(() -> decode(negative, 0)).isInstanceOf(WireException.class);
        byte[] reserved = new byte[12];
        reserved[7] = 1;
        assertThatThrownBy(() -> decode(reserved, 12))
                .isInstanceOf(WireException.class)
                .hasMessageContaining("reserved");
    }

    @Test
    void memoryFollowsWhatCameNotWhatWasPromised() throws Exception {
        ByteBuffer promise =
                ByteBuffer.allocate(12).putInt(0, 65_536).put(4, (byte) 9).putInt(8, 1);
        FrameDecoder decoder = new FrameDecoder();
        decoder.feed(promise, (type, flags, number, payload) -> {
            throw new AssertionError("no frame is complete");
        });
        assertThat(decoder.isEmpty()).isFalse();
    }

    @Test
    void noiseIsRefusedOrDecodedButNeverBreaksTheParser() {
        Random random = new Random(42);
        for (int round = 0; round < 3_000; round++) {
            byte[] noise = new byte[random.nextInt(200)];
            random.nextBytes(noise);
            if (noise.length > 12 && random.nextBoolean()) {
                noise[0] = 0;
                noise[1] = 0;
                noise[2] = 0;
                noise[3] = (byte) (noise.length - 12);
                noise[6] = 0;
                noise[7] = 0;
            }
            assertThatCode(() -> readAll(noise)).doesNotThrowAnyException();
        }
    }

    @Test
    void theCorpusSharedWithTheGuestIsCutAtEveryByteWithTheSameOutcome() throws IOException {
        Path corpus = Repository.file("native/guest/test/corpus");
        assumeTrue(Files.isDirectory(corpus), "no corpus at " + corpus);
        try (Stream<Path> files = Files.walk(corpus)) {
            List<Path> inputs = files.filter(f -> f.toString().endsWith(".bin")).toList();
            assumeTrue(!inputs.isEmpty(), "the corpus is empty");
            for (Path input : inputs) {
                byte[] bytes = Files.readAllBytes(input);
                String whole = outcome(bytes, bytes.length);
                int step = Math.max(1, bytes.length / 2_000);
                for (int cut = 1; cut < bytes.length; cut += step) {
                    assertThat(outcome(bytes, cut))
                            .as(input.getFileName() + " cut at " + cut)
                            .isEqualTo(whole);
                }
            }
        }
    }

    private static String outcome(byte[] bytes, int cut) {
        List<String> frames = new ArrayList<>();
        try {
            feed(bytes, cut, (type, flags, number, payload) -> {
                GuestMessage message = GuestMessage.of(type, flags, number, false);
                frames.add(message + " " + number + " " + payload.remaining());
                PayloadShape.check(message.shape(), payload);
            });
        } catch (WireException e) {
            frames.add("violation");
        }
        return frames.toString();
    }

    /** Decodes as a guest's frames and reads every payload by its shape; a violation is a fine outcome. */
    private static void readAll(byte[] noise) {
        try {
            feed(noise, noise.length / 2, (type, flags, number, payload) -> {
                GuestMessage message = GuestMessage.of(type, flags, number, true);
                PayloadShape.check(message.shape(), payload);
            });
        } catch (WireException e) {
            assertThat(e.getMessage()).isNotEmpty();
        }
    }

    private static byte[] someFrames() {
        ByteBuffer all = ByteBuffer.allocate(4096);
        all.put(GuestMessage.HELLO.frame(0).u16(1).u16(1).u32(65_536).finish());
        all.put(GuestMessage.CANCEL.frame(7).finish());
        all.put(GuestMessage.FILE_STAT
                .frame(8)
                .str("user")
                .str("/home/user/ä")
                .bool(true)
                .finish());
        all.put(GuestMessage.EXEC
                .frame(9)
                .u32(0)
                .str("main")
                .str("")
                .str("")
                .strings(List.of("echo", "hello"))
                .strings(List.of())
                .u16(0)
                .u16(0)
                .finish());
        byte[] bytes = new byte[all.position()];
        all.flip().get(bytes);
        return bytes;
    }

    /** @param cut where the stream is cut in two; 0: after every byte */
    private static List<String> decode(byte[] stream, int cut) throws WireException {
        List<String> frames = new ArrayList<>();
        feed(
                stream,
                cut,
                (type, flags, number, payload) -> frames.add(type + " " + flags + " " + number + " "
                        + java.util.Arrays.hashCode(new PayloadReader(payload).bytes())));
        return frames;
    }

    private static void feed(byte[] stream, int cut, FrameDecoder.Sink sink) throws WireException {
        FrameDecoder decoder = new FrameDecoder();
        if (cut == 0) {
            for (int i = 0; i < stream.length; i++) {
                decoder.feed(ByteBuffer.wrap(stream, i, 1), sink);
            }
            return;
        }
        decoder.feed(ByteBuffer.wrap(stream, 0, cut), sink);
        decoder.feed(ByteBuffer.wrap(stream, cut, stream.length - cut), sink);
    }
}
