package dev.tinyvm.e2b.proxy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class HttpHeadTest {
    @Test
    void aHeadIsReadUpToItsBody() throws IOException {
        InputStream in = stream("HTTP/1.1 200 OK\r\nA: b\r\nSet-Cookie: x\r\nSet-Cookie: y\r\n\r\nbody");
        HttpHead head = HttpHead.read(in);
        assertThat(head.status()).isEqualTo(200);
        assertThat(head.fields()).hasSize(3);
        assertThat(head.field("a")).isEqualTo("b");
        assertThat(new String(in.readAllBytes(), StandardCharsets.UTF_8)).isEqualTo("body");
    }

    @Test
    void hostileHeadsAreRefused() {
        for (String broken : List.of(
                "",
                "HTTP/1.1 200 OK",
                "SSH-2.0-x\r\n\r\n",
                "HTTP/1.1 999 X\r\n\r\n",
                "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
                "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
                "HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n",
                "HTTP/1.1 200 OK\r\nA: \u0000\r\n\r\n",
                "HTTP/1.1 200 OK\r\nA: " + "x".repeat(HttpHead.MAX_BYTES) + "\r\n\r\n")) {
            assertThatThrownBy(() -> HttpHead.read(stream(broken))).isInstanceOf(IOException.class);
        }
    }

    @Test
    void chunksAreJoined() throws IOException {
        InputStream in = new ChunkedInput(stream("3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"));
        assertThat(new String(in.readAllBytes(), StandardCharsets.UTF_8)).isEqualTo("abc0123456789");
    }

    @Test
    void brokenChunksAreRefused() {
        for (String broken : List.of("", "zz\r\n", "-1\r\n", "3\r\nab", "3\r\nabcd\r\n0\r\n\r\n", "3\r\nabc\r\n")) {
            assertThatThrownBy(() -> new ChunkedInput(stream(broken)).readAllBytes())
                    .isInstanceOf(IOException.class);
        }
    }

    private static InputStream stream(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.ISO_8859_1));
    }
}
