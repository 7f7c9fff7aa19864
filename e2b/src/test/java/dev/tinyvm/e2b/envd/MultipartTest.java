package dev.tinyvm.e2b.envd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.e2b.E2bError;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MultipartTest {
    private static final String TYPE = "multipart/form-data; boundary=\"xyz\"";
    private static final String HEADER =
            "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n";

    @Test
    void partsAreFoundHoweverTheInputIsSplit() throws IOException {
        byte[] body = ("preamble\r\n" + HEADER + "a\r\n--xy\r\n" + "\r\n" + HEADER + "\r\n" + HEADER
                        + "\r\r\n--xyz--\r\nepilogue")
                .getBytes(StandardCharsets.ISO_8859_1);
        for (int step = 1; step <= body.length; step++) {
            assertThat(contents(new Slow(body, step))).containsExactly("a\r\n--xy\r\n", "", "\r");
        }
    }

    @Test
    void aLargePartThatIsFullOfAlmostBoundariesArrivesWhole() throws IOException {
        byte[] content = new byte[1 << 20];
        Random random = new Random(7);
        byte[] pieces = "\r\n--xyz".getBytes(StandardCharsets.ISO_8859_1);
        for (int i = 0; i < content.length; i++) {
            content[i] = pieces[random.nextInt(pieces.length - 1)];
        }
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        body.write(HEADER.getBytes(StandardCharsets.ISO_8859_1));
        body.write(content);
        body.write("\r\n--xyz--\r\n".getBytes(StandardCharsets.ISO_8859_1));
        Multipart parts = new Multipart(new ByteArrayInputStream(body.toByteArray()), TYPE);
        try (InputStream in = parts.next().orElseThrow().content()) {
            assertThat(in.readAllBytes()).isEqualTo(content);
        }
        assertThat(parts.next()).isEmpty();
    }

    @Test
    void namesKeepTheirQuotesAndUmlauts() {
        var found = Multipart.parameters("form-data; name=\"file\"; filename=\"a \\\"b\\\" %22c%22; \u00e4.txt\"");
        assertThat(found).containsEntry("name", "file").containsEntry("filename", "a \"b\" \"c\"; \u00e4.txt");
    }

    @Test
    void aBodyThatEndsTooEarlyIsRefused() {
        for (String broken : List.of("", "--xyz", HEADER, HEADER + "abc", "--xyz\r\nContent-Dis", "--xyzz\r\n")) {
            assertThatThrownBy(() -> contents(new ByteArrayInputStream(broken.getBytes(StandardCharsets.ISO_8859_1))))
                    .isInstanceOf(E2bError.class);
        }
        assertThatThrownBy(() -> new Multipart(InputStream.nullInputStream(), "multipart/form-data"))
                .isInstanceOf(E2bError.class);
    }

    private static List<String> contents(InputStream body) throws IOException {
        Multipart parts = new Multipart(body, TYPE);
        List<String> contents = new ArrayList<>();
        for (var part = parts.next(); part.isPresent(); part = parts.next()) {
            try (InputStream in = part.get().content()) {
                contents.add(new String(in.readAllBytes(), StandardCharsets.ISO_8859_1));
            }
        }
        return contents;
    }

    /** Gives so many bytes at a time. */
    private static final class Slow extends ByteArrayInputStream {
        private final int step;

        Slow(byte[] bytes, int step) {
            super(bytes);
            this.step = step;
        }

        @Override
        public synchronized int read(byte[] to, int offset, int length) {
            return super.read(to, offset, Math.min(step, length));
        }
    }
}
