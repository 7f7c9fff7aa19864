package dev.tinyvm.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.zip.ZipException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class ReadAheadTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 5 << 18, 5_000_001})
    void whatIsReadIsWhatWasThere(int size) throws IOException {
        byte[] content = new byte[size];
        new Random(size).nextBytes(content);
        try (ReadAhead ahead = new ReadAhead(new ByteArrayInputStream(content))) {
            byte[] first = ahead.readNBytes(1_000);
            byte[] rest = ahead.readAllBytes();
            assertThat(first).isEqualTo(java.util.Arrays.copyOf(content, Math.min(1_000, size)));
            assertThat(rest).isEqualTo(java.util.Arrays.copyOfRange(content, first.length, size));
            assertThat(ahead.read()).isEqualTo(-1);
        }
    }

    @Test
    void aFailureIsThrownBehindWhatCameBeforeIt() throws IOException {
        InputStream broken = new InputStream() {
            @Override
            public int read() throws IOException {
                throw new ZipException("damaged");
            }

            @Override
            public int read(byte[] bytes, int offset, int length) throws IOException {
                throw new ZipException("damaged");
            }
        };
        InputStream both = new SequenceInputStream(new ByteArrayInputStream(new byte[300_000]), broken);
        try (ReadAhead ahead = new ReadAhead(both)) {
            assertThat(ahead.readNBytes(300_000)).hasSize(300_000);
            assertThatThrownBy(ahead::read).isInstanceOf(ZipException.class).hasMessage("damaged");
            assertThatThrownBy(ahead::read).isInstanceOf(ZipException.class);
        }
    }

    @Test
    void closingEndsItsThreadInTheMiddleOfAnEndlessStream() throws Exception {
        CountDownLatch reading = new CountDownLatch(1);
        AtomicBoolean closed = new AtomicBoolean();
        ReadAhead ahead = new ReadAhead(new InputStream() {
            @Override
            public int read() {
                reading.countDown();
                return 0;
            }

            @Override
            public int read(byte[] bytes, int offset, int length) {
                reading.countDown();
                return length;
            }

            @Override
            public void close() {
                closed.set(true);
            }
        });
        reading.await();
        ahead.close();
        assertThat(closed).isTrue();
        assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(t -> t.getName().equals("read-ahead"));
    }
}
