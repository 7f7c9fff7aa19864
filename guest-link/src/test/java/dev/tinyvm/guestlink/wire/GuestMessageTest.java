package dev.tinyvm.guestlink.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class GuestMessageTest {
    @Test
    void theTableIsTheSpecifications() throws IOException {
        assertThat(table("spec/guest-protocol.md", "\\| 0x([0-9a-f]{2}) \\| ([A-Z_]+) \\|", 2, 1))
                .isEqualTo(ours(m -> String.format("%02x", m.code())));
    }

    @Test
    void theShapesAreThoseOfTheGuest() throws IOException {
        Map<String, String> shapes = table(
                "native/guest/src/messages.c", "\\{\"([A-Z_]+)\", (?:\"([^\"]*)\"|\"\\(\" ENTRY \"\\)\"|ENTRY),", 1, 2);
        assertThat(shapes).isEqualTo(ours(m -> switch (m) {
            case STAT, ENTRIES -> "null";
            default -> m.shape();
        }));
    }

    @Test
    void whatMayNotStandThereIsRefused() {
        assertThatThrownBy(() -> GuestMessage.of((byte) 0x7f, (byte) 0, 1, true))
                .hasMessageContaining("unknown type");
        assertThatThrownBy(() -> GuestMessage.of((byte) 0x08, (byte) 1, 1, true))
                .hasMessageContaining("flags");
        assertThatThrownBy(() -> GuestMessage.of((byte) 0x10, (byte) 0, 1, true))
                .hasMessageContaining("wrong side");
        assertThatThrownBy(() -> GuestMessage.of((byte) 0x08, (byte) 0, 0, true))
                .hasMessageContaining("stream");
        assertThatThrownBy(() -> GuestMessage.of((byte) 0x43, (byte) 0, 5, true))
                .hasMessageContaining("stream");
        assertThatThrownBy(() -> GuestMessage.of((byte) 0x04, (byte) 0, 5, true))
                .hasMessageContaining("stream");
    }

    @Test
    void whatIsWrittenIsReadBack() throws Exception {
        ByteBuffer frame = new FrameWriter(1, 2)
                .u8(250)
                .u16(65_000)
                .u32(4_000_000_000L)
                .u64(1L << 40)
                .str("ü")
                .finish();
        PayloadReader reader = new PayloadReader(frame.slice(12, frame.remaining() - 12));
        assertThat(reader.u8()).isEqualTo(250);
        assertThat(reader.u16()).isEqualTo(65_000);
        assertThat(reader.u32()).isEqualTo(4_000_000_000L);
        assertThat(reader.u63()).isEqualTo(1L << 40);
        assertThat(reader.str()).isEqualTo("ü");
        reader.finish();
    }

    @Test
    void hostileLengthsAllocateNothing() {
        byte[] claims = {0x7f, (byte) 0xff, (byte) 0xff, (byte) 0xff, 0, 0};
        assertThatThrownBy(() -> new PayloadReader(ByteBuffer.wrap(claims)).str())
                .isInstanceOf(WireException.class);
        assertThatThrownBy(() -> new PayloadReader(ByteBuffer.wrap(claims)).strings())
                .isInstanceOf(WireException.class);
        byte[] manyItems = {0, 0, 0x0f, (byte) 0xff, 0, 0};
        assertThatThrownBy(() -> new PayloadReader(ByteBuffer.wrap(manyItems)).count(1))
                .isInstanceOf(WireException.class);
        byte[] nul = {0, 0, 0, 1, 0};
        assertThatThrownBy(() -> new PayloadReader(ByteBuffer.wrap(nul)).str()).hasMessageContaining("NUL");
    }

    @Test
    void whatTheProtocolCannotCarryIsSaid() {
        assertThatThrownBy(() -> new FrameWriter(1, 1).str("a\0b")).hasMessageContaining("NUL");
        assertThatThrownBy(() -> new FrameWriter(1, 1).str("x".repeat(32_769))).hasMessageContaining("32769");
        FrameWriter full = new FrameWriter(1, 1).str("x".repeat(32_768)).str("x".repeat(32_000));
        assertThatThrownBy(() -> full.str("x".repeat(1_000))).hasMessageContaining("65536");
    }

    private static Map<String, String> ours(java.util.function.Function<GuestMessage, String> value) {
        Map<String, String> ours = new TreeMap<>();
        for (GuestMessage message : GuestMessage.values()) {
            ours.put(message.name(), value.apply(message));
        }
        return ours;
    }

    private static Map<String, String> table(String file, String line, int key, int value) throws IOException {
        Map<String, String> found = new TreeMap<>();
        Matcher matcher = Pattern.compile(line).matcher(Files.readString(Repository.file(file)));
        while (matcher.find()) {
            found.put(matcher.group(key), String.valueOf(matcher.group(value)));
        }
        return found;
    }
}
