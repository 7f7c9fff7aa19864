package dev.tinyvm.images.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class StallGuardTest {
    @Test
    @SuppressWarnings("InputStreamSlowMultibyteRead") // it never gives a byte
    void aTransferOnWhichNothingComesIsBrokenOff() throws IOException {
        CountDownLatch closed = new CountDownLatch(1);
        InputStream silent = new InputStream() {
            @Override
            public int read() throws IOException {
                try {
                    assertThat(closed.await(60, TimeUnit.SECONDS)).isTrue();
                } catch (InterruptedException e) {
                    throw new IOException(e);
                }
                throw new IOException("closed");
            }

            @Override
            public void close() {
                closed.countDown();
            }
        };
        try (InputStream guarded = StallGuard.of(silent, Duration.ofMillis(50))) {
            assertThatThrownBy(guarded::read).isInstanceOf(IOException.class).hasMessageContaining("no byte came");
        }
    }

    @Test
    void whatFlowsIsLeftAlone() throws IOException {
        try (InputStream guarded = StallGuard.of(new ByteArrayInputStream(new byte[10_000]), Duration.ofSeconds(60))) {
            assertThat(guarded.readAllBytes()).hasSize(10_000);
        }
    }
}
